"""Where the binary comes from, found out without asking it: the list of sources, and the files that were built, in the cache beside the libraries."""
import base64
import hashlib
import subprocess
from collections import namedtuple
from pathlib import Path

from jobs import BINARY, REPOSITORY, sha256

BUILD = Path(BINARY).resolve().parent
CACHED = (BUILD / "deps").resolve().parent / "sources"
CERTIFICATES = Path("/usr/share/ca-certificates/mozilla")

Source = namedtuple("Source", "name version package patched licence sha256")


def sources():
    """The rows of agent/deps/SOURCES."""
    lines = (REPOSITORY / "agent/deps/SOURCES").read_text().splitlines()
    return [Source(*line.split()) for line in lines if line and not line.startswith("#")]


def tarball(source):
    return CACHED / f"{source.name}.tar"


def patch_set(source):
    """(version, SHA-256) of the patches that were applied, or None."""
    if source.patched == "no":
        return None
    return (CACHED / f"{source.name}.patches.version").read_text().strip(), sha256(CACHED / f"{source.name}.patches")


def certificates():
    """This machine's certificates: (package's version, how many, SHA-256 of all in DER)."""
    every = []
    for path in sorted(CERTIFICATES.glob("*.crt")):
        lines = path.read_text(encoding="ascii").split()
        every.append(base64.b64decode("".join(line for line in lines if set(line) <= BASE64)))
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "ca-certificates"], check=True, capture_output=True, text=True).stdout
    return version, len(every), hashlib.sha256(b"".join(every)).hexdigest()


BASE64 = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
