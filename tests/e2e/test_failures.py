"""The collection of failures: each folder in failures/ is a project that fails for real, and says in expected.json how.

    code, first     the exit code and the first line of output/failure, exactly; {ml}, {path} and {machine} stand for the job's root, PATH and the CPU
    contains        texts that stand in the failure text; absent: that do not
    env             settings and variables of the job; hyperparameters: its hyperparameters; hosts: their names, of which this is the last
    memory          limit of the control group in bytes; processes: the one on processes
    mounts          shell commands before the job, in a mount namespace of its own
    stop            a line of the log after which SIGTERM is sent
    needs           programs without which there is nothing to be seen: the project is left out where they are not installed
    own             1: the text is the pipeline's own, and stays
"""
import contextlib
import json
import os
import platform
import shutil
import signal
from pathlib import Path

import pytest

from groups import ControlGroup
from jobs import PYTHON, JobRoot, in_mounts, start

HERE = Path(__file__).parent / "failures"
SECRET = "hunter2-correct-horse"  # of every job: a pipeline that prints it must not be believed


def read(folder):
    return json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def cases():
    for folder in sorted(HERE.iterdir()):
        if all(shutil.which(program) for program in read(folder).get("needs", [])):
            yield folder.name


def outside(expected, stack, job):
    """Words before the agent: the container's limits and mounts."""
    words = []
    if "memory" in expected or "processes" in expected:
        words += stack.enter_context(ControlGroup(expected.get("memory"), expected.get("processes"))).before()
    if "mounts" in expected:
        words += in_mounts(expected["mounts"].format(ml=job.path))
    return words


def programs(job):
    """A PATH on which python3 is the tests' own: a wrapper of another one would fail in ways of its own."""
    folder = job.folder / "bin"
    if not folder.exists():
        folder.mkdir()
        (folder / "python3").symlink_to(os.path.realpath(PYTHON))
    return f"{folder}:{os.environ['PATH']}"


def fail(name, job):
    """Runs one of the collection to its end."""
    expected = read(HERE / name)
    job.hyperparameters(expected.get("hyperparameters", {}) | {"db_password": SECRET})
    if "hosts" in expected:
        job.hosts(expected["hosts"][-1], expected["hosts"])
    env = {"TRAIN_CODE": HERE / name, "PATH": programs(job), "PYTHONDONTWRITEBYTECODE": "1"} | expected.get("env", {})
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(start(job=job, env=env, before=outside(expected, stack, job)))
        if "stop" in expected:
            running.wait_for(expected["stop"])
            running.signal(signal.SIGTERM)
        return expected, running.finish()


@pytest.mark.parametrize("name", list(cases()))
def test_a_failure_gives_its_first_line(name, job):
    expected, result = fail(name, job)
    assert result.code == expected["code"], result.err
    raw = (job.output / "failure").read_bytes()
    text = raw.decode("utf-8")
    first = expected["first"].format(ml=job.path, path=programs(job), machine=platform.machine().replace("_", "-"))
    assert text.splitlines()[0] == first, text
    assert len(raw) <= 960
    assert SECRET not in text and SECRET not in json.dumps(result.record) and SECRET not in result.said
    assert not [c for c in text if ord(c) < 32 and c != "\n"]
    for words in expected.get("contains", []):
        assert words.format(ml=job.path) in text, text
    for words in expected.get("absent", []):
        assert words not in text, text
    if "own" not in expected:
        assert result.record["failure"] == first
        assert (result.record["exit_code"], f"[{result.record['reason']}]") == (result.code, first.split()[0])
        # Read as one paragraph, as SageMaker shows it: every sentence of ours has its end.
        assert all(line.endswith((".", "!", "?", ":")) for line in text.split("\nstderr: ")[0].splitlines()[:2]), text


def test_the_collection_is_large_enough():
    assert len(list(cases())) >= 25


def test_a_pipeline_that_survives_a_memory_kill_completes_with_a_warning(job):
    """The reason tells of it, whatever the exit code."""
    text = "import os\npid = os.fork()\nif pid == 0:\n    waste = bytearray(1 << 30)\nos.waitpid(pid, 0)"
    with ControlGroup(memory=64 << 20) as group, start("--", PYTHON, "-c", text, job=job, before=group.before()) as running:
        result = running.finish()
    assert result.code == 0 and result.failure is None
    record = result.record
    assert (record["outcome"], record["reason"], record["ended_by"]) == ("completed", "memory-kill", "pipeline")
    assert any("for want of memory (the container's limit is 64 MiB)" in line for line in record["warnings"])


def test_a_stop_says_what_the_kernel_did_meanwhile(job):
    text = "import os, signal\npid = os.fork()\nif pid == 0:\n    waste = bytearray(1 << 30)\nos.waitpid(pid, 0)\nprint('ready', flush=True)\nsignal.pause()"
    with ControlGroup(memory=64 << 20) as group, start("--", PYTHON, "-c", text, job=job, before=group.before()) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(143, "stopped")
    assert "\nThe kernel killed processes of the container for want of memory: 1.\n" in result.failure
