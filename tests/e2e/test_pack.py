"""train pack: the same bytes everywhere, what is in them, what is left out, what is refused (product §2, §5)."""
import gzip
import io
import os
import random
import re
import resource
import shutil
import signal
import stat
import struct
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest
import zstandard

from jobs import (BINARY, File, Link, as_nobody, give_away, in_mounts, listing, make_tree, project, public_folder, run, script, sha256,
                  shell)

NEED = Path(__file__).parents[2] / "agent/deps/need"
KINDS = ["tar.zst", "tar.gz", "tar", "zip"]
FIXED = 946684800  # 2000-01-01, unless SOURCE_DATE_EPOCH says otherwise

LONG = "l" * 120
PROJECT = project(command=shell("cat pkg/x.py")) | {
    "pkg/__init__.py": "", "pkg/x.py": "print(1)\n" * 500, "run.sh": script("echo hi\n"), "empty": None, "empty.txt": "",
    "grün/日本.txt": "names in UTF-8\n", "here": Link("pkg/x.py"), "up": File("x", 0o600), "pkg/deep": Link("../grün"),
    f"{LONG}/{LONG}": "both too long for one field\n", f"{LONG}{LONG}": "too long for a tar's name\n",
    "noise.bin": random.Random(1).randbytes(300_000)}


def pack(folder, archive, **options):
    return run("pack", folder, "-o", archive, **options)


def packed(folder, archive, **options):
    """Packs and gives the digest that was printed."""
    result = pack(folder, archive, **options)
    assert result.code == 0, result.err
    match = re.fullmatch(r"TRAIN_CODE_SHA256=([0-9a-f]{64})\n", result.out)
    assert match, result.out
    return match[1]


def test_what_was_packed_is_unpacked_within_the_least_memory(tmp_path, job):
    """Where several frames do not fit side by side they are taken one after the other."""
    tree = make_tree(tmp_path / "project", {**project(command=["cat", "text"]), "text": "whole\n", "ballast": os.urandom(5 << 20)})
    archive = tmp_path / "code.tar.zst"
    result = run(job=job, env={"TRAIN_CODE": archive, "TRAIN_CODE_SHA256": packed(tree, archive), "TRAIN_FETCH_MEMORY": 8})
    assert result.code == 0 and "whole" in result.out.splitlines(), result.err


def tar_of(archive):
    """The plain tar, unpacked by somebody else's libraries, which check the checksums."""
    content = archive.read_bytes()
    if archive.name.endswith(".gz"):
        return gzip.decompress(content)
    if archive.name.endswith(".zst"):
        assert zstandard.get_frame_parameters(content).has_checksum
        return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content), read_across_frames=True).read()
    return content


def seen(archive):
    """{name: (kind, execute bit, content or target)} as Python's own readers see the archive; times and owners are checked on the way."""
    found = {}
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            assert opened.testzip() is None
            for member in opened.infolist():
                mode, content = member.external_attr >> 16, opened.read(member)
                assert member.date_time == (2000, 1, 1, 0, 0, 0)
                kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}[stat.S_IFMT(mode)]
                found[member.filename.rstrip("/")] = (kind, stat.S_IMODE(mode), content)
        return found
    with tarfile.open(fileobj=io.BytesIO(tar_of(archive))) as opened:
        for member in opened:
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", FIXED)
            kind = "folder" if member.isdir() else "link" if member.issym() else "file"
            content = opened.extractfile(member).read() if member.isfile() else member.linkname.encode()
            found[member.name] = (kind, member.mode, content)
    return found


def lies(folder):
    """The same of a folder on disk, with the modes that an archive has."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = ("link", 0o777, os.readlink(path).encode())
        elif path.is_dir():
            found[name] = ("folder", 0o755, b"")
        else:
            found[name] = ("file", 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644, path.read_bytes())
    return found


# ---- what it makes ----

@pytest.mark.parametrize("kind", KINDS)
def test_other_programs_read_it(tmp_path, kind):
    folder = make_tree(tmp_path / "project", PROJECT)
    archive = tmp_path / f"code.{kind}"
    digest = packed(folder, archive)
    assert digest == sha256(archive)
    assert seen(archive) == lies(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_the_job_runs_it_by_the_line_that_was_printed(job, kind):
    folder = make_tree(job.folder / "project", PROJECT)
    archive = job.folder / f"code.{kind}"
    name, value = pack(folder, archive).out.strip().split("=")
    job.extra |= {"TRAIN_CODE": str(archive), name: value, "TRAIN_CODE_PIN": "required"}
    result = run(job=job)
    assert result.code == 0, result.err
    assert "print(1)" in result.out
    assert result.record["code"]["sha256"] == value

    (folder / "pkg/x.py").write_text("print(2)\n")
    packed(folder, archive)
    again = run(job=job)
    again.check(65, "code-digest")
    assert "print(2)" not in again.out


def test_folders_stand_before_what_they_hold_and_files_before_folders(tmp_path):
    folder = make_tree(tmp_path / "project", {"z": "", "a/b/c": "", "a/z": "", "a.txt": "", "B": "", "a/b/a": ""})
    packed(folder, tmp_path / "code.tar")
    with tarfile.open(tmp_path / "code.tar") as opened:
        assert opened.getnames() == ["B", "a.txt", "z", "a", "a/z", "a/b", "a/b/a", "a/b/c"]


def test_zstd_comes_in_frames_that_zstds_own_tools_read(tmp_path):
    """Each frame has its content's size and a checksum; behind them stands the table of zstd's seekable format."""
    subprocess.run([NEED, "zstd", "tar"], check=True)
    folder = make_tree(tmp_path / "project", PROJECT | {"big.bin": random.Random(2).randbytes(5_000_000)})
    archive = tmp_path / "code.tar.zst"
    packed(folder, archive)
    packed(folder, tmp_path / "code.tar")
    plain, content = (tmp_path / "code.tar").read_bytes(), archive.read_bytes()

    magic, = struct.unpack("<I", content[-4:])
    frames, flags = struct.unpack("<IB", content[-9:-4])
    assert (magic, frames, flags) == (0x8F92EAB1, -(-len(plain) // (2 << 20)), 0)
    table = content[-9 - 8 * frames:-9]
    assert struct.unpack("<II", content[-17 - 8 * frames:-9 - 8 * frames]) == (0x184D2A5E, len(table) + 9)
    at = whole = 0
    for size, length in struct.iter_unpack("<II", table):
        header = zstandard.get_frame_parameters(content[at:])
        assert header.has_checksum and header.content_size == length <= 2 << 20
        assert zstandard.ZstdDecompressor().decompress(content[at:at + size]) == plain[whole:whole + length]
        at, whole = at + size, whole + length
    assert at == len(content) - 17 - 8 * frames and whole == len(plain)

    subprocess.run(["zstd", "-q", "-t", archive], check=True)
    assert subprocess.run(["zstd", "-q", "-d", "-c", archive], check=True, capture_output=True).stdout == plain
    (tmp_path / "theirs").mkdir()
    subprocess.run(["tar", "--zstd", "-xf", archive, "-C", tmp_path / "theirs"], check=True)
    assert lies(tmp_path / "theirs") == lies(folder)


# ---- the same bytes ----

def copied_backwards(source, target):
    """The same tree, made in another order at another time with other modes."""
    shutil.copytree(source, target, symlinks=True)
    again = target.with_name(target.name + "-again")
    again.mkdir()
    for path in sorted(target.iterdir(), reverse=True):
        path.rename(again / path.name)
    for number, path in enumerate(again.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o066 | stat.S_ISGID * path.is_dir())
            os.utime(path, (number, 1_000_000 + number))
    return again


@pytest.mark.parametrize("kind", KINDS)
def test_user_zone_locale_umask_and_order_change_nothing(kind):
    with public_folder() as place:
        folder = make_tree(place / "project", PROJECT | {
            "big.bin": random.Random(3).randbytes(3_000_000), ".gitignore": "[[:upper:]]*.tmp\n", ".trainignore": "!Kept.tmp\n", "Kept.tmp": "",
            "Gone.tmp": "", "I\u0131.tmp": ""})
        here = packed(folder, place / f"here.{kind}", env={"TZ": "America/St_Johns", "LC_ALL": "C", "LANG": None}, umask=0o022)
        out = place / "theirs"
        out.mkdir()
        again = copied_backwards(folder, out / "copy")
        give_away(out)
        there = packed(again, out / f"there.{kind}", binary=place / "train", before=as_nobody(), umask=0o077, cwd="/",
                       env={"TZ": "Asia/Kathmandu", "LC_ALL": "tr_TR.UTF-8", "HOME": "/nowhere"})
        assert here == there
        assert stat.S_IMODE((out / f"there.{kind}").stat().st_mode) == 0o600
        assert stat.S_IMODE((place / f"here.{kind}").stat().st_mode) == 0o644


@pytest.mark.parametrize("kind", KINDS)
def test_a_system_with_nothing_in_it_changes_nothing(tmp_path, kind):
    """No libc, no /proc, no /etc/passwd, no time zones or locales: as little distribution as there can be."""
    folder = make_tree(tmp_path / "project", PROJECT | {".gitignore": "*.bin\n"})
    here = packed(folder, tmp_path / f"here.{kind}")
    root = make_tree(tmp_path / "root", {"out": None})
    shutil.copy(BINARY, root / "train")
    shutil.copytree(folder, root / "project", symlinks=True)
    before = ["chroot", root] if os.geteuid() == 0 else ["unshare", "-r", "chroot", root]
    there = packed("/project", f"/out/there.{kind}", binary="/train", before=before, env={"TZ": "Asia/Tokyo", "LC_ALL": "ja_JP.UTF-8"})
    assert here == there
    assert (root / f"out/there.{kind}").read_bytes() == (tmp_path / f"here.{kind}").read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_source_date_epoch_is_the_time_of_every_entry(tmp_path, kind):
    folder = make_tree(tmp_path / "project", PROJECT)
    fixed = packed(folder, tmp_path / f"a.{kind}")
    assert fixed == packed(folder, tmp_path / f"b.{kind}", env={"SOURCE_DATE_EPOCH": FIXED})
    assert fixed == packed(folder, tmp_path / f"c.{kind}", env={"SOURCE_DATE_EPOCH": ""})
    assert fixed != packed(folder, tmp_path / f"d.{kind}", env={"SOURCE_DATE_EPOCH": FIXED + 86400})
    bad = pack(folder, tmp_path / f"e.{kind}", env={"SOURCE_DATE_EPOCH": "yesterday"})
    assert bad.code == 78 and "SOURCE_DATE_EPOCH" in bad.err and "yesterday" in bad.err
    assert not (tmp_path / f"e.{kind}").exists()


# ---- what is left out ----

def test_what_is_left_out_is_said_by_rule(tmp_path):
    folder = make_tree(tmp_path / "project", project() | {
        "data/training/a.csv": "1", "model/net.py": "x", "model/old.bin": "y", "output/m.json": "{}", "checkpoints": None,
        ".train/runs/x": "x", ".git/HEAD": "x", "__pycache__/a.pyc": "x", "pkg/__pycache__/b.pyc": "x", "pkg/data/kept.csv": "x"})
    result = pack(folder, tmp_path / "code.tar")
    assert result.code == 0
    assert set(seen(tmp_path / "code.tar")) == {"pipeline.json", "model", "model/net.py", "model/old.bin", "pkg", "pkg/data",
                                                "pkg/data/kept.csv"}
    for rule, count in {"/data/": 1, "/output/": 1, "/checkpoints/": 1, "/.train/": 1, "/.git/": 1, "__pycache__/": 2}.items():
        assert f"left out by the rule '{rule}': {count}" in result.agent
    assert "not left out by the rule '/model/', for it holds source: 'model/net.py'" in result.agent
    assert not any("left out by the rule '/model/':" in line for line in result.agent)


@pytest.mark.parametrize("kind", KINDS)
def test_the_archive_may_lie_in_the_folder(tmp_path, kind):
    folder = make_tree(tmp_path / "project", project(command=["true"]))
    first = packed(".", f"code.{kind}", cwd=folder)
    again = pack(folder, folder / f"code.{kind}")
    assert first in again.out
    assert f"left out by the rule '/code.{kind}': 1" in again.agent
    assert set(seen(folder / f"code.{kind}")) == {"pipeline.json"}


def test_data_that_lies_elsewhere_is_no_obstacle(tmp_path):
    folder = make_tree(tmp_path / "project", project() | {"data": None, "data/training": Link("/mnt/share"), "output": Link("/scratch"),
                                                          "train.csv": Link("data/training/train.csv")})
    packed(folder, tmp_path / "code.tar")
    assert set(seen(tmp_path / "code.tar")) == {"pipeline.json", "train.csv"}


def test_a_zip_that_would_run_as_a_whole_is_warned_about(tmp_path):
    folder = make_tree(tmp_path / "project", {"__main__.py": "print(1)\n"})
    assert "executable zip" in pack(folder, tmp_path / "code.zip").err
    assert "executable zip" not in pack(folder, tmp_path / "code.tar.gz").err


# ---- what is refused ----

def refused(tmp_path, code, *words, files=None, archive="out/code.tar.zst", **options):
    """Refused with this code and words, nothing on stdout and nothing new on disk."""
    if files is not None:
        make_tree(tmp_path / "project", files)
    (tmp_path / "out").mkdir(exist_ok=True)
    before = listing(tmp_path)
    result = pack(tmp_path / "project", tmp_path / archive, **options)
    assert result.code == code, result.err
    for word in words:
        assert word in result.err
    assert result.out == ""
    assert listing(tmp_path) == before
    return result


@pytest.mark.parametrize("name", ["code", "code.tgz", "code.tar.xz", "code.tar.bz2", "code.TAR"])
def test_an_unknown_suffix_names_the_four(tmp_path, name):
    refused(tmp_path, 64, f"{name}'", ".tar.zst, .tar.gz, .tar or .zip", files=project(), archive=f"out/{name}")


@pytest.mark.parametrize("words", [[], ["."], ["-o", "x.tar"], [".", ".", "-o", "x.tar"], [".", "-o", "x.tar", "-o", "y.tar"],
                                   [".", "-o", "x.tar", "--", "cmd"]])
def test_it_wants_one_folder_and_one_place(tmp_path, words):
    result = run("pack", *words, cwd=tmp_path)
    assert result.code == 64 and "train pack DIR -o FILE" in result.err
    assert listing(tmp_path) == set()


def test_unknown_flags_name_the_nearest(tmp_path):
    result = run("pack", ".", "--o", "x.tar", cwd=tmp_path)
    assert result.code == 64 and "'--o'" in result.err and "'-o'" in result.err


def test_no_folder_or_nothing_in_it(tmp_path):
    refused(tmp_path, 66, "project'", "No such file or directory")
    (tmp_path / "project").write_text("a file")
    refused(tmp_path, 66, "project'", "Not a directory")
    (tmp_path / "project").unlink()
    refused(tmp_path, 66, "holds nothing", files={".git/HEAD": "x", "data/a.csv": "x"})


@pytest.mark.parametrize("target, word", [("/usr/bin/python3", "virtual environment"), ("../../etc", "leaves the folder"),
                                          ("bad", "circle")])
def test_links_that_a_job_refuses(tmp_path, target, word):
    refused(tmp_path, 65, "'pkg/bad'", word, files=project() | {"pkg/bad": Link(target)})


def test_a_fifo_is_named_and_not_waited_for(tmp_path):
    make_tree(tmp_path / "project/pkg", {})
    os.mkfifo(tmp_path / "project/pkg/pipe")
    refused(tmp_path, 65, "'pkg/pipe'", "FIFO")


def test_no_folder_for_the_archive(tmp_path):
    refused(tmp_path, 74, "nowhere/code.tar'", files=project(), archive="nowhere/code.tar")


def test_an_unreadable_file_is_named():
    with public_folder() as place:
        folder = make_tree(place / "project", project() | {"secret": File("x", 0o000)})
        out = place / "out"
        out.mkdir()
        give_away(out)
        result = pack(folder, out / "code.tar", binary=place / "train", before=as_nobody())
        assert result.code == 74 and "'secret'" in result.err and "Permission denied" in result.err
        assert listing(out) == set()


# ---- never half of it ----

@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk(tmp_path, kind):
    folder = make_tree(tmp_path / "project", PROJECT)
    small = tmp_path / "small"
    small.mkdir()
    look = f'"$@"; code=$?; find {small} -type f | grep . && code=1; exit $code'
    mounts = in_mounts(f"mount -t tmpfs -o size=128k none {small}")
    result = pack(folder, small / f"code.{kind}", before=[*mounts, "sh", "-c", look, "sh"])
    assert result.code == 73, result.err
    assert "No space left" in result.err and f"code.{kind}'" in result.err
    assert result.out == ""


@pytest.mark.parametrize("kind", KINDS)
def test_killed_in_the_middle_it_leaves_the_old_archive_and_nothing_else(tmp_path, kind):
    """The kernel kills whoever writes beyond this limit: no better moment could be chosen."""
    folder = make_tree(tmp_path / "project", PROJECT)
    out = make_tree(tmp_path / "out", {f"code.{kind}": "old"})
    limit = (100_000, resource.RLIM_INFINITY)
    result = pack(folder, out / f"code.{kind}", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert result.code == -signal.SIGXFSZ
    assert listing(out) == {f"code.{kind}"}
    assert (out / f"code.{kind}").read_text() == "old"
    packed(folder, out / f"code.{kind}")
    assert listing(out) == {f"code.{kind}"}
