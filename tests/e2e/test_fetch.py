"""agent/deps/fetch, which brings the sources of the libraries: only what has its pinned SHA-256 is taken. From a folder, so nothing is downloaded."""
import os
import subprocess

import pytest

from jobs import REPOSITORY, make_tree, sha256

FETCH = REPOSITORY / "agent/deps/fetch"
FILES = {"any-name.tar.xz": b"the tarball", "roots_2.deb": b"the package", "thing_1-1.debian.tar.xz": b"the patches"}


@pytest.fixture
def given(tmp_path):
    """A folder with all that the list beside it names."""
    given = make_tree(tmp_path / "given", FILES)
    digests = [sha256(given / name) for name in FILES]
    (tmp_path / "list").write_text(f"# a comment\nthing 1 thing yes MIT {digests[0]}\nroots 2 roots deb MPL-2.0 {digests[1]}\n")
    return given


def fetch(given):
    words = [FETCH, given.parent / "to", given.parent / "list"]
    return subprocess.run(words, env=os.environ | {"SOURCES": str(given)}, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def fetched(given):
    return {path.name: path.read_bytes() for path in (given.parent / "to").iterdir() if path.is_file()}


def test_what_is_pinned_is_taken_under_any_name(given):
    assert fetch(given).returncode == 0
    assert fetched(given) == {"thing.tar": b"the tarball", "roots.deb": b"the package", "thing.patches": b"the patches",
                              "thing.patches.version": b"1-1\n"}


@pytest.mark.parametrize("name, kept, known", [("any-name.tar.xz", "thing.tar", "thing"), ("roots_2.deb", "roots.deb", "roots")])
def test_another_byte_ends_it(given, name, kept, known):
    pin = sha256(given / name)
    (given / name).write_bytes(FILES[name] + b"!")
    done = fetch(given)
    assert (done.returncode, done.stderr) == (1, f"fetch: no file in '{given}' is the pinned one of {known} (SHA-256 {pin})\n")
    assert kept not in fetched(given)


def test_missing_patches_end_it(given):
    (given / "thing_1-1.debian.tar.xz").unlink()
    done = fetch(given)
    assert (done.returncode, done.stderr) == (1, f"fetch: no thing_*.debian.tar.xz in '{given}'\n")


def test_what_is_there_is_not_asked_for_again_unless_it_was_changed(given):
    assert fetch(given).returncode == 0
    for path in given.iterdir():
        path.rename(given.parent / path.name)
    assert fetch(given).returncode == 0
    (given.parent / "to/roots.deb").write_bytes(b"another package")
    assert fetch(given).returncode == 1
    (given.parent / "roots_2.deb").rename(given / "roots_2.deb")
    assert fetch(given).returncode == 0 and fetched(given)["roots.deb"] == b"the package"
