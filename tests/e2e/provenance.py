"""Where the binary comes from, found out without asking it: the lists of sources, and the files that were built, in the cache beside the libraries."""
import hashlib
import io
import os
import ssl
import tarfile
from collections import namedtuple
from pathlib import Path

from jobs import BINARY, REPOSITORY, sha256

BUILD = Path(BINARY).resolve().parent
CACHED = (BUILD / "deps").resolve().parent / "sources"

Source = namedtuple("Source", "name version package patched licence sha256")


def rows(name):
    lines = (REPOSITORY / "agent/deps" / name).read_text().splitlines()
    return [Source(*line.split()) for line in lines if line and not line.startswith("#")]


def sources():
    """The rows of agent/deps/SOURCES."""
    return rows("SOURCES")


def roots():
    """The row of agent/deps/ROOTS."""
    row, = rows("ROOTS")
    return row


def tarball(source):
    return CACHED / f"{source.name}.tar"


def patch_set(source):
    """(version, SHA-256) of the patches that were applied, or None."""
    if source.patched == "no":
        return None
    return (CACHED / f"{source.name}.patches.version").read_text().strip(), sha256(CACHED / f"{source.name}.patches")


def roots_package():
    """Debian's package of root certificates, as it was fetched."""
    return CACHED / "ca-certificates.deb"


def _data(path):
    """An xz'd tar in the ar archive that a Debian package is: members of 60 bytes of header and as many of content as it says, to even places."""
    archive, at = path.read_bytes(), len(b"!<arch>\n")
    while not archive[at:].startswith(b"data.tar.xz"):
        at += 60 + (int(archive[at + 48:at + 58]) + 1) // 2 * 2
    return io.BytesIO(archive[at + 60:at + 60 + int(archive[at + 48:at + 58])])


def certificates():
    """The certificates in that package: (how many, SHA-256 of all in DER)."""
    with tarfile.open(fileobj=_data(roots_package()), mode="r:xz") as files:
        members = [each for each in files if each.name.startswith("./usr/share/ca-certificates/mozilla/") and each.name.endswith(".crt")]
        texts = [files.extractfile(each).read().decode("ascii") for each in sorted(members, key=lambda each: os.fsencode(each.name))]
    every = [ssl.PEM_cert_to_DER_cert(text) for text in texts]
    return len(every), hashlib.sha256(b"".join(every)).hexdigest()
