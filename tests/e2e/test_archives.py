"""Archives: kinds, checks, what is refused (product §5)."""
import gzip
import io
import os
import tarfile
import zipfile

import pytest
import zstandard

from jobs import EPOCH, Link, code, make_archive, make_tar, make_tree, make_zip, project, run, script, sha256

KINDS = pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.zst", "zip"])

FILES = {**project(command=["./bin/main"]), "bin/main": script("cat pkg/text; stat -c %a bin/main pkg/text; readlink link"),
         "pkg/text": "from the archive\n", "link": Link("pkg/text"), "pkg/\u00fcml\u00e4ut": "x"}


def use(job, archive, **env):
    return run(job=job, env={"TRAIN_CODE": archive, **env})


# ---- kinds ----

@KINDS
def test_every_kind_is_unpacked(job, suffix):
    archive = make_archive(job.folder / f"code.{suffix}", FILES)
    result = use(job, archive, TRAIN_CODE_SHA256=sha256(archive))
    assert result.code == 0, result.err
    assert result.out.splitlines()[:4] == ["from the archive", "755", "644", "pkg/text"]
    assert sha256(archive) in result.said
    assert result.record["code"]["sha256"] == sha256(archive)


@KINDS
@pytest.mark.parametrize("name", ["e\u0301", "\u00e9", "\uac00", "\u1100\u1161"], ids=["two characters", "one", "hangul", "jamo"])
def test_a_name_keeps_its_bytes(job, suffix, name):
    """As macOS writes it and as others do: what the pipeline packed by that name it opens by that name."""
    archive = make_archive(job.folder / f"code.{suffix}", {**project(command=["cat", f"{name}.txt"]), f"{name}.txt": "found\n"})
    assert "found" in use(job, archive).out.splitlines()


@KINDS
def test_the_kind_is_told_by_the_bytes_and_never_by_the_name(job, suffix):
    archive = make_archive(job.folder / f"code.{suffix}", FILES)
    renamed = archive.rename(job.folder / "something.txt")
    assert use(job, renamed).out.splitlines()[0] == "from the archive"


@KINDS
def test_a_cut_archive_runs_nothing(job, suffix):
    archive = make_archive(job.folder / f"code.{suffix}", FILES | {"last": os.urandom(3000)})
    whole = archive.read_bytes()
    for size in (len(whole) - 1, len(whole) - 600, len(whole) // 2, 100, 20):
        archive.write_bytes(whole[:size])
        result = use(job, archive)
        if suffix == "tar" and size == len(whole) - 1:
            assert result.code in (0, 65)  # only zero bytes are missing
            continue
        assert result.code == 65, (size, result.err)
        assert "from the archive" not in result.out
        assert job.leftovers() == set()


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.zst", "zip"])
def test_a_flipped_bit_runs_nothing(job, suffix):
    """What has checksums: also the last byte of the data, when everything else is written already."""
    archive = make_archive(job.folder / f"code.{suffix}", FILES | {"last": os.urandom(3000)})
    whole = archive.read_bytes()
    for at in (len(whole) // 2, len(whole) // 3, len(whole) - 9 if suffix == "tar.gz" else len(whole) - 2):
        broken = bytearray(whole)
        broken[at] ^= 1
        archive.write_bytes(broken)
        result = use(job, archive)
        assert result.code == 65 or suffix == "zip" and result.code == 0, (at, result.err)
        if result.code:
            assert "from the archive" not in result.out
            assert job.leftovers() == set()


@pytest.mark.parametrize("extra", [b"x", b"\0" * 512 + b"x", b"\x1f\x8b trailing", b"PK\x03\x04"])
def test_bytes_after_the_end_are_refused(job, extra):
    archive = make_tar(job.folder / "code.tar", FILES)
    archive.write_bytes(archive.read_bytes() + extra)
    use(job, archive).check(65, "code-archive")
    archive = make_tar(job.folder / "code.tar.gz", FILES)
    archive.write_bytes(archive.read_bytes() + extra)
    use(job, archive).check(65, "code-archive")


def test_zeros_after_the_end_are_fine(job):
    archive = make_tar(job.folder / "code.tar", FILES)
    archive.write_bytes(archive.read_bytes() + b"\0" * 10240)
    assert use(job, archive).code == 0


def test_several_gzip_members_are_one_stream(job):
    archive = make_tar(job.folder / "code.tar", FILES)
    whole = archive.read_bytes()
    many = job.folder / "many.tar.gz"
    many.write_bytes(b"".join(gzip.compress(whole[at:at + 700]) for at in range(0, len(whole), 700)))
    assert use(job, many).out.splitlines()[0] == "from the archive"


@pytest.mark.parametrize("content, words", [
    (b"\xfd7zXZ\0" + b"x" * 100, "xz"),
    (b"BZh91AY&SY" + b"x" * 100, "bzip2"),
    (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "XML"),
    (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML"),
    (b"", "empty"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n", "LFS"),
    (b"just some text\n", "")])
def test_anything_else_is_named_for_what_it_looks_like(job, content, words):
    (job.folder / "code.tar.gz").write_bytes(content)
    result = use(job, job.folder / "code.tar.gz").check(65, "code-archive")
    assert words.lower() in result.failure.lower()


# ---- refusals ----

def info(name, kind=tarfile.REGTYPE, target="", mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode, entry.mtime = kind, target, mode, EPOCH
    return entry


REFUSED = {
    "parent": info("../outside"),
    "parent-inside": info("pkg/../../outside"),
    "absolute": info("/outside"),
    "link-up": info("up", tarfile.SYMTYPE, "../../outside"),
    "link-up-deep": info("pkg/up", tarfile.SYMTYPE, "../../outside"),
    "link-absolute": info("python", tarfile.SYMTYPE, "/usr/bin/python3"),
    "hard-link-up": info("up", tarfile.LNKTYPE, "../outside"),
    "hard-link-absolute": info("up", tarfile.LNKTYPE, "/etc/passwd"),
    "fifo": info("pipe", tarfile.FIFOTYPE),
    "character-device": info("null", tarfile.CHRTYPE),
    "block-device": info("disk", tarfile.BLKTYPE),
    "setuid": info("root", mode=0o4755),
    "setgid": info("root", mode=0o2755),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_with_its_number(job, case):
    entry = REFUSED[case]
    archive = make_tar(job.folder / "code.tar.gz", {"pkg/a": "a", "pkg/b": "b", "bad": entry, **FILES})
    result = use(job, archive).check(65, "code-archive")
    assert entry.name in result.failure
    assert "3" in result.failure.splitlines()[0].replace(str(archive), "")
    assert "from the archive" not in result.out
    assert job.leftovers() == set()
    assert not (job.folder / "outside").exists() and not (job.tmp / "outside").exists()


def test_an_absolute_link_asks_about_a_virtual_environment(job):
    archive = make_tar(job.folder / "code.tar", {"bad": REFUSED["link-absolute"], **FILES})
    result = use(job, archive)
    assert "a virtual environment? publish a PEX or conda-pack" in result.failure


def test_a_file_through_a_link_of_the_archive_is_refused(job):
    """A link that stays inside is fine, writing through one is not."""
    (job.folder / "target").mkdir()
    archive = make_tar(job.folder / "code.tar", {"pkg": None, "link": Link("pkg"), "link/file": "x", **project(command=["ls", "pkg"])})
    result = use(job, archive)
    assert result.code == 65 or "file" in result.out.split()
    assert list((job.folder / "target").iterdir()) == []


def test_a_name_twice_with_another_kind_is_refused(job):
    first, second = info("twice"), info("twice", tarfile.DIRTYPE)
    archive = make_tar(job.folder / "code.tar", {"1": first, "2": second, **FILES})
    result = use(job, archive).check(65, "code-archive")
    assert "twice" in result.failure


def test_a_zip_is_checked_like_a_tar(job):
    for name in ("../outside", "/outside", "pkg/../../outside"):
        archive = make_zip(job.folder / "code.zip", {**FILES, name: "x"})
        use(job, archive).check(65, "code-archive")
    archive = make_zip(job.folder / "code.zip", {**FILES, "python": Link("/usr/bin/python3")})
    assert "python" in use(job, archive).check(65, "code-archive").failure
    assert job.leftovers() == set()


def test_a_zip_whose_headers_disagree_is_refused(job):
    """The local header names one file, the directory another."""
    archive = make_zip(job.folder / "code.zip", {**FILES, "innocent": "x"})
    data = archive.read_bytes()
    at = data.index(b"innocent")
    archive.write_bytes(data[:at] + b"guilty__" + data[at + 8:])
    use(job, archive).check(65, "code-archive")


def test_limits_of_what_may_come_out(job):
    archive = make_tar(job.folder / "code.tar.gz", {"zeros": b"\0" * 3000000, **FILES})
    result = use(job, archive, TRAIN_UNPACK_MAX_BYTES=1000000).check(65, "code-archive")
    assert "unpack-max-bytes" in result.failure.lower().replace("_", "-")
    archive = make_tar(job.folder / "many.tar.gz", {f"f{n}": "" for n in range(50)} | FILES)
    result = use(job, archive, TRAIN_UNPACK_MAX_ENTRIES=20).check(65, "code-archive")
    assert "unpack-max-entries" in result.failure.lower().replace("_", "-")
    assert job.leftovers() == set()


def test_a_zstd_window_over_the_memory_is_refused_with_the_number_needed(job):
    tar = make_tar(job.folder / "code.tar", FILES)
    archive = job.folder / "code.tar.zst"
    long = zstandard.ZstdCompressionParameters.from_level(1, window_log=27, write_checksum=1, write_content_size=0)
    compressor = zstandard.ZstdCompressor(compression_params=long).compressobj()
    archive.write_bytes(compressor.compress(tar.read_bytes()) + compressor.flush())
    result = use(job, archive).check(65, "code-archive")
    assert "window" in result.failure and "fetch-memory" in result.failure.lower().replace("_", "-") and "512" in result.failure
    assert use(job, archive, TRAIN_FETCH_MEMORY=512).code == 0


# ---- how it is unpacked ----

def test_owner_is_not_restored_times_and_execute_bits_are(job):
    entry = tarfile.TarInfo("text")
    entry.uid = entry.gid = 12345
    entry.uname = "somebody"
    entry.mtime = 1234567890
    archive = make_tar(job.folder / "code.tar", {"text": entry, **project(command=["stat", "-c", "%u %Y %a", "text"])})
    assert use(job, archive).out.splitlines()[0] == f"{os.getuid()} 1234567890 644"


def test_the_umask_applies(job):
    archive = make_tar(job.folder / "code.tar", {"folder/text": "x", **project(command=["stat", "-c", "%a", "folder/text", "folder"])})
    result = run(job=job, env={"TRAIN_CODE": archive}, umask=0o027)
    assert result.out.split()[:2] == ["640", "750"]


def test_unusual_names(job):
    names = ["with space", "new\nline", "\u00fcmlaut", "$(touch x)", "a" * 200, "deep/" * 40 + "x", "-rf", ".hidden"]
    archive = make_tar(job.folder / "code.tar.gz", {**{name: "x" for name in names}, **project(command=code(
        f"import os\nprint(all(os.path.exists(n) for n in {names!r}))"))})
    assert use(job, archive).out.splitlines()[0] == "True"


def test_no_temporary_archive_is_left_beside_the_workspace(job):
    archive = make_archive(job.folder / "code.zip", {**project(command=["ls", "-A", str(job.tmp)])})
    result = use(job, archive)
    assert len([line for line in result.out.split() if not line.startswith("#metric")][:3]) >= 1
    assert "code.zip" not in result.out
    assert job.leftovers() == set()


# ---- pack ----

@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.zst", "zip"])
def test_what_pack_writes_runs(job, suffix):
    folder = make_tree(job.folder / "p", FILES | {".git/x": "x", "data/t/x": "x", ".train/x": "x"})
    archive = job.folder / f"packed.{suffix}"
    result = run("pack", folder, "-o", archive)
    assert result.code == 0, result.err
    assert sha256(archive) in result.out
    first = archive.read_bytes()
    os.utime(folder / "pkg/text", (1, 1))
    run("pack", folder, "-o", archive)
    assert archive.read_bytes() == first
    ran = use(job, archive, TRAIN_CODE_SHA256=sha256(archive))
    assert ran.out.splitlines()[:4] == ["from the archive", "755", "644", "pkg/text"]
    listed = names_in(archive)
    assert not any(name.split("/")[0] in (".git", "data", ".train") for name in listed)


def names_in(archive):
    if archive.suffix == ".zip":
        return zipfile.ZipFile(archive).namelist()
    data = archive.read_bytes()
    if archive.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(data).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [name.removeprefix("./") for name in tar.getnames()]


def test_packs_output_can_be_given_to_the_job_as_it_is(job):
    folder = make_tree(job.folder / "p", project(command=["echo", "ran"]))
    archive = job.folder / "code.tar.zst"
    printed = run("pack", folder, "-o", archive).out
    env = dict(line.split("=", 1) for line in printed.splitlines() if line.startswith("TRAIN_"))
    assert env["TRAIN_CODE_SHA256"] == sha256(archive)
    assert use(job, archive, TRAIN_CODE_SHA256=env["TRAIN_CODE_SHA256"]).out.splitlines()[0] == "ran"


def test_pack_writes_no_archive_that_would_be_refused(job):
    folder = make_tree(job.folder / "p", project(command=["true"]) | {"python": Link("/usr/bin/python3")})
    result = run("pack", folder, "-o", job.folder / "code.tar")
    assert result.code != 0
    assert "python" in result.err
    assert not (job.folder / "code.tar").exists()


@pytest.mark.parametrize("words", [[], ["p"], ["-o", "x.tar"], ["p", "-o", "x.rar"], ["nowhere", "-o", "x.tar"]])
def test_pack_with_wrong_words(job, words):
    make_tree(job.folder / "p", project(command=["true"]))
    result = run("pack", *words, cwd=job.folder)
    assert result.code in (64, 66)
    assert result.err.startswith("train: ") and len(result.err.splitlines()) == 1
    assert not list(job.folder.glob("x.*"))
