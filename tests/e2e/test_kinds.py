"""Every kind of archive over the network, and what damage on the way does to it (product §5)."""
import io
import zipfile

import pytest

from jobs import PYTHON, JobRoot, make_archive, make_tree, project, run, sha256, shell
from network import HELLO, has_run, marked, ran, refused
from servers.aws import SESSION, S3

KINDS = ["code.tar", "code.tar.gz", "code.tar.zst", "code.zip", "code.pex"]
BALLAST = bytes(range(256)) * 64
FILES = {**project(command=shell('cat text; : >"$E2E_MARK"')), "text": HELLO + "\n", "ballast": BALLAST}
PEX = {"__main__.py": f"import os, pathlib\nprint({HELLO!r})\npathlib.Path(os.environ['E2E_MARK']).touch()\n", "ballast": BALLAST}


@pytest.fixture
def job(tmp_path):
    return marked(JobRoot(tmp_path))


@pytest.fixture
def s3(gateway):
    with S3(gateway) as server:
        yield server
        assert server.refusals == []


def made(job, name):
    return make_archive(job.folder / name, PEX if name.endswith(".pex") else FILES)


def fetch(job, s3, bucket, name, content, **env):
    s3.gateway.put(bucket, name, content)
    keys = {"AWS_ACCESS_KEY_ID": SESSION.access_key, "AWS_SECRET_ACCESS_KEY": SESSION.secret_key, "AWS_SESSION_TOKEN": SESSION.token}
    return run(job=job, env={**s3.env(), **keys, "TRAIN_CODE": f"s3://{bucket}/{name}", "TRAIN_CODE_PIN": "off", **env})


def flipped(content, at):
    return content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1:]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_runs(job, s3, bucket, name):
    archive = made(job, name)
    result = ran(fetch(job, s3, bucket, name, archive.read_bytes(), TRAIN_CODE_SHA256=sha256(archive)))
    kind = {"code.pex": "executable zip"}.get(name, name.removeprefix("code."))
    assert (result.record["code"]["kind"], result.record["code"]["sha256"]) == (kind, sha256(archive))


@pytest.mark.parametrize("name", ["code.tar", "code.tar.gz", "code.tar.zst", "code.zip"])
def test_what_train_pack_packs_is_published_and_runs(job, s3, bucket, tmp_path, name):
    """By the very digest that it prints."""
    make_tree(tmp_path / "project", FILES)
    packed = run("pack", tmp_path / "project", "-o", tmp_path / name)
    assert packed.code == 0, packed.err
    digest = sha256(tmp_path / name)
    assert digest in packed.out
    ran(fetch(job, s3, bucket, name, (tmp_path / name).read_bytes(), TRAIN_CODE_SHA256=digest))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("where", ["early", "middle", "late"])
def test_one_flipped_bit_is_another_digest(job, s3, bucket, name, where):
    """The digest is what counts wherever it is given, also where the kind itself would notice."""
    archive = made(job, name)
    content = archive.read_bytes()
    damaged = flipped(content, {"early": 300, "middle": len(content) // 2, "late": len(content) - 30}[where])
    result = fetch(job, s3, bucket, name, damaged, TRAIN_CODE_SHA256=sha256(archive))
    refused(result, 65, "code-digest", sha256(archive))


@pytest.mark.parametrize("name", ["code.tar.gz", "code.tar.zst", "code.zip", "code.pex"])
def test_kinds_with_checksums_notice_a_flipped_bit_themselves(job, s3, bucket, name):
    content = made(job, name).read_bytes()
    refused(fetch(job, s3, bucket, name, flipped(content, len(content) // 2)), 65, "code-archive")


def test_a_plain_tar_notices_a_flipped_bit_in_a_header(job, s3, bucket):
    content = made(job, "code.tar").read_bytes()
    refused(fetch(job, s3, bucket, "code.tar", flipped(content, 3)), 65, "code-archive")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_a_truncated_object_runs_nothing(job, s3, bucket, name, part):
    """Published half: S3 gives all it has, so only the archive can tell."""
    content = made(job, name).read_bytes()
    refused(fetch(job, s3, bucket, name, content[:int(len(content) * part)]), 65, "code-archive")


def test_a_zip_whose_directory_and_headers_disagree_runs_nothing(job, s3, bucket):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in (("pipeline.json", f'{{"command": ["{PYTHON}", "."]}}'), ("a.py", "print(1)")):
            archive.writestr(name, text)
    content = out.getvalue()
    at = content.index(b"a.py")
    refused(fetch(job, s3, bucket, "code.zip", content[:at] + b"b.py" + content[at + 4:]), 65, "code-archive", "a.py")


@pytest.mark.parametrize("content, words", [
    (b"", "empty"), (b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>", "XML"), (b"<!DOCTYPE html><html></html>", "HTML"),
    (b"\xfd7zXZ\x00" + bytes(64), "xz"), (b"BZh91AY&SY" + bytes(64), "bzip2"),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 3\n", "Git LFS")])
def test_what_is_no_archive_is_called_by_its_name(job, s3, bucket, content, words):
    refused(fetch(job, s3, bucket, "code.tar.gz", content), 65, "code-archive", words)
    assert not has_run(job)
