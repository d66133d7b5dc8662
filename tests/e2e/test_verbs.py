"""version, help, install, and words nobody knows (product §2)."""
import json
import os
import re
import stat
import subprocess

import pytest

from jobs import BINARY, IS_ROOT, JobRoot, clean_env, run, sha256

VERBS = ["train", "run", "pack", "metrics", "install", "version", "help"]


def test_version(tmp_path):
    text = run("version")
    value = json.loads(run("version", "--json").out)
    assert text.code == 0 and text.err == ""
    assert value["sha256"] == sha256(BINARY)
    for key in ("version", "commit", "build_id", "sha256"):
        assert value[key] in text.out
    assert {"curl", "libarchive", "musl"} <= {name.lower() for name in value["libraries"]}
    assert run("--version").out == text.out


def test_help_lists_every_verb_and_each_has_its_page():
    page = run("help")
    assert page.code == 0 and page.err == ""
    assert run("-h").out == run("--help").out == page.out
    for verb in VERBS:
        assert re.search(rf"^  train {verb} ", page.out, re.MULTILINE), verb
        own = run("help", verb)
        assert own.code == 0 and own.out.startswith(f"train {'' if verb == 'train' else verb}")


def test_help_names_the_settings(tmp_path):
    """The failure text of a wrong setting says: 'train help' lists the settings."""
    pages = run("help").out + run("help", "train").out
    for name in ("stop-grace", "code-sha256", "keep-workspace", "redact"):
        assert name in pages


def test_every_verb_answers_help(tmp_path):
    for verb in VERBS:
        for flag in ("--help", "-h"):
            result = run(verb, flag, cwd=tmp_path)
            assert result.code == 0 and result.out.startswith("train"), (verb, flag, result.err)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word, nearest", [("rnu", "run"), ("pakc", "pack"), ("verison", "version"), ("halp", "help"), ("instal", "install"),
                                           ("metric", "metrics")])
def test_an_unknown_verb_names_the_nearest(tmp_path, word, nearest):
    result = run(word, env={"SAGEMAKER_BASE_DIR": tmp_path / "none"}, cwd=tmp_path)
    assert result.code == 64
    assert f"'{word}'" in result.err and f"'{nearest}'" in result.err
    assert len(result.err.splitlines()) == 1 and result.out == ""


def test_an_unknown_verb_far_from_all(tmp_path):
    result = run("blahblahblah", env={"SAGEMAKER_BASE_DIR": tmp_path / "none"}, cwd=tmp_path)
    assert result.code == 64 and "'blahblahblah'" in result.err and len(result.err.splitlines()) == 1


@pytest.mark.parametrize("words, nearest", [(["version", "--jsno"], "--json"), (["metrics", "--agents"], "--agent"), (["run", "--pack"], "--packed"),
                                            (["--ste", "a=b"], "--set"), (["run", "--chanel", "a=b"], "--channel")])
def test_an_unknown_flag_names_the_nearest(tmp_path, words, nearest):
    result = run(*words, env={"SAGEMAKER_BASE_DIR": tmp_path / "none"}, cwd=tmp_path)
    assert result.code == 64
    assert nearest in result.err and len(result.err.splitlines()) == 1


def test_help_of_an_unknown_verb():
    result = run("help", "rnu")
    assert result.code == 64 and "'run'" in result.err


@pytest.mark.parametrize("words", [["version", "extra"], ["help", "run", "pack"], ["metrics", "a", "b"], ["install", "a", "b"]])
def test_words_too_many_are_refused(tmp_path, words):
    result = run(*words, cwd=tmp_path)
    assert result.code == 64, result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["version"], ["version", "--json"], ["help"]])
def test_an_output_that_is_full_is_no_success(words):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([BINARY, *words], env=clean_env(), stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert result.returncode not in (0, -13)
    assert b"stdout" in result.stderr


# ---- install ----

def test_install_to_a_name(tmp_path):
    result = run("install", tmp_path / "there")
    assert result.code == 0
    assert sha256(tmp_path / "there") == sha256(BINARY)
    assert stat.S_IMODE((tmp_path / "there").stat().st_mode) == 0o755
    assert run("version", binary=tmp_path / "there").out == run("version").out


def test_install_into_a_folder_and_over_an_older_one(tmp_path):
    (tmp_path / "train").write_text("older")
    old = os.open(tmp_path / "train", os.O_RDONLY)
    assert run("install", tmp_path, umask=0o077).code == 0
    assert stat.S_IMODE((tmp_path / "train").stat().st_mode) == 0o755
    assert os.read(old, 10) == b"older"  # replaced, not overwritten
    os.close(old)
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


@pytest.mark.parametrize("words", [[], ["/no/such/folder/train"], ["/proc/train"]])
def test_install_that_cannot_be(tmp_path, words):
    result = run("install", *words, cwd=tmp_path)
    assert result.code in (64, 73, 74)
    assert len(result.err.splitlines()) == 1
    assert all(word in result.err for word in words)


# ---- the binary ----

def test_no_interpreter_and_nothing_needed():
    text = subprocess.run(["readelf", "-lhd", BINARY], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert "INTERP" not in text and "NEEDED" not in text
    assert re.search(r"Type:\s+DYN", text)


def test_it_runs_in_an_empty_root(tmp_path):
    """An image FROM scratch: no shell, no libc, no /proc, no /dev, only the binary and a job."""
    job = JobRoot(tmp_path)
    run("install", tmp_path / "train")
    root = ["unshare", "-R" if IS_ROOT else "-rR", tmp_path, "--", "/train"]
    env = {"TMPDIR": "/tmp", "SAGEMAKER_BASE_DIR": "/ml", "PATH": "/usr/bin:/bin"}
    page = subprocess.run([*root, "help"], env=env, stdout=subprocess.PIPE, text=True, timeout=60)
    assert page.returncode == 0 and page.stdout == run("help").out
    result = subprocess.run([*root, "--", "/train", "help"], env=env, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(page.stdout)
    assert job.record_file.exists()
