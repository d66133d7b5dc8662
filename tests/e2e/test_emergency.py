"""A crash of the agent itself (product §12, 70 `agent-bug`): what it leaves to read, and what it takes along.

The crashes are asked for by TRAIN_TEST_CRASH=PLACE[:HOW] of the binary with hooks (agent/job/hooks.c); all that follows is the release's.
"""
import json
import os
import re
import resource
import signal
import subprocess

import pytest

from jobs import HOOKS_BINARY, make_tar, pid1, processes, project, run, shell, start, wait_until
from network import PROJECT, archive_of
from servers.faults import Bucket

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])
PLACES = {"fetching": "fetch", "unpacking": "fetch", "running": "run", "recording": "finish"}  # and the phase each is in
CAUSES = {"check": r"agent/job/hooks\.c:[0-9]+: .+", "segv": r"SIGSEGV at 0x[0-9a-f]+, address 0x8", "abort": r"SIGABRT at 0x[0-9a-f]+, address 0x0"}


def no_core():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def crash(place, how="check"):
    return {"binary": HOOKS_BINARY, "env": {"TRAIN_TEST_CRASH": f"{place}:{how}"}}


@pytest.fixture(scope="module")
def build():
    """What names this build: version, commit and build id."""
    version = json.loads(run("version", "--json", binary=HOOKS_BINARY).out)
    return [version[key] for key in ("version", "commit", "build_id")]


@BOTH
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", CAUSES)
def test_a_crash_leaves_a_failure_with_phase_cause_and_build(job, tmp_path, build, place, how, before):
    archive = make_tar(tmp_path / "code.tar.gz", project(command=shell('echo loss=1 >"$TRAIN_METRICS"; exec sleep 1000')))
    if place == "recording":
        archive = make_tar(tmp_path / "code.tar.gz", project(command=["true"]))
    options = crash(place, how)
    options["env"] |= {"TRAIN_CODE": archive, "TRAIN_STOP_GRACE": 0}
    result = run(job=job, before=before, **options)
    assert result.code == 70, result.err
    first, second = result.failure.splitlines()
    assert re.fullmatch(rf"\[agent-bug\] a mistake in train itself, not in the job: {CAUSES[how]}", first), first
    version, commit, build_id = build
    assert second == f"In phase {PLACES[place]} of train {version}, commit {commit}, build {build_id}. Please report this text."
    assert len(result.failure.encode()) <= 960
    assert first.removeprefix("[agent-bug] ") in result.said
    assert result.record is None
    assert not (job.output / ".failure.reserved").exists()


@BOTH
def test_so_does_a_stack_that_overflows(job, before):
    result = run("--", "true", job=job, before=before, **crash("run", "overflow"))
    assert result.code == 70, result.err
    assert result.failure.startswith("[agent-bug] ") and "SIGSEGV at 0x" in result.failure and "In phase run of" in result.failure


def test_a_thread_whose_stack_overflows_leaves_the_stub(job, tmp_path):
    """Only the first thread has a second stack: the kernel ends the process where another one has no room for a handler."""
    archive = make_tar(tmp_path / "code.tar.gz", project(command=["true"]))
    options = crash("fetching", "overflow")
    options["env"]["TRAIN_CODE"] = archive
    result = run(job=job, preexec_fn=no_core, **options)
    assert result.code == -signal.SIGSEGV
    assert result.failure == "[agent-killed] train was killed in phase fetch\n"


def test_a_buffer_that_is_not_given_back_is_a_mistake(job, tmp_path):
    """All jobs of all tests run under this check: here it is seen to look."""
    archive = make_tar(tmp_path / "code.tar.gz", project(command=["true"]))
    options = crash("brought", "leak")
    options["env"]["TRAIN_CODE"] = archive
    result = run(job=job, **options)
    assert result.code == 70
    assert "budget_is_whole" in result.failure and "In phase" in result.failure


def test_what_the_pipeline_wrote_as_its_failure_stays(job):
    text = f'echo mine >"{job.output}/failure"; echo loss=1 >"$TRAIN_METRICS"; exec sleep 1000'
    assert run("--", "sh", "-c", text, job=job, **crash("running", "segv")).code == 70
    assert (job.output / "failure").read_text() == "mine\n"


def test_where_nobody_reads_the_log_any_more_it_ends_all_the_same(job):
    """stderr is a pipe that is full."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with open(reading), open(writing) as full:
        while True:
            try:
                os.write(writing, bytes(4096))
            except BlockingIOError:
                break
        os.set_blocking(writing, True)
        options = crash("read", "segv")
        process = subprocess.run([HOOKS_BINARY, "--", "true"], env={**job.env(), **options["env"], "PATH": os.environ["PATH"]}, stderr=full, timeout=60)
    assert process.returncode == 70
    assert (job.output / "failure").read_text().startswith("[agent-bug] ")


# ---- what becomes of the pipeline ----

# Says that it runs, then waits for the word; then makes the agent crash. What it does when it is asked to end is up to the test.
PIPELINE = '%s; echo ready; read word; echo loss=1 >"$TRAIN_METRICS"; while :; do sleep 1000 & wait $!; done'


def alive(job):
    return processes(f"MARK={job.folder}")


def start_marked(job, text, options, **more):
    env = {**options.pop("env"), "MARK": job.folder}
    return start("--", "sh", "-c", PIPELINE % text, job=job, env=env, stdin=subprocess.PIPE, **options, **more)


def say_the_word(running):
    running.wait_for("^ready$")
    running.process.stdin.write(b"go\n")
    running.process.stdin.flush()


@BOTH
@pytest.mark.parametrize("how", CAUSES)
def test_the_pipeline_is_asked_to_end_and_may_save_its_work(job, before, how):
    with start_marked(job, f'trap "echo saved >{job.model}/checkpoint; exit" TERM', crash("running", how), before=before) as running:
        say_the_word(running)
        assert running.finish().code == 70
    assert (job.model / "checkpoint").read_text() == "saved\n"
    wait_until(lambda: alive(job) == [], "the end of all processes")


@BOTH
def test_it_gets_the_stop_signal_that_it_wanted(job, before):
    options = crash("running")
    options["env"]["TRAIN_STOP_SIGNAL"] = "SIGUSR1"
    with start_marked(job, f'trap "echo saved >{job.model}/checkpoint; exit" USR1', options, before=before) as running:
        say_the_word(running)
        assert running.finish().code == 70
    assert (job.model / "checkpoint").read_text() == "saved\n"


@BOTH
def test_what_does_not_end_is_killed_with_all_that_left_its_group(job, before):
    """A session of its own, twice, and deaf; its parents are gone."""
    deaf = "trap '' TERM INT HUP QUIT"
    options = crash("running", "segv")
    options["env"]["TRAIN_STOP_GRACE"] = 1
    with start_marked(job, f'setsid setsid sh -c "{deaf}; echo child; while :; do sleep 1000 & wait; done" & {deaf}', options, before=before) as running:
        running.wait_for("^child$")
        say_the_word(running)
        assert running.finish().code == 70
    wait_until(lambda: alive(job) == [], "the end of all processes")


def test_a_process_that_is_not_the_pipelines_lives_on(job):
    """A child that was the agent's before it became the agent: a container's start script may have such."""
    options = crash("running", "segv")
    before = ["sh", "-c", 'sh -c "echo bystander; exec sleep 1001" bystander & exec "$@"', "sh"]
    with start_marked(job, ":", options, before=before) as running:
        running.wait_for("^bystander$")
        say_the_word(running)
        assert running.process.wait(60) == 70
        left = alive(job)
        try:
            assert len(left) == 1
        finally:
            for pid in left:
                os.kill(pid, signal.SIGKILL)


def test_an_agent_that_is_killed_has_the_kernel_ask_the_pipeline(job):
    """Outside of PID 1 nobody else would."""
    with start_marked(job, f'trap "echo saved >{job.model}/checkpoint; exit" TERM', {"env": {}}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGKILL)
        assert running.process.wait(60) == -signal.SIGKILL
        wait_until(lambda: alive(job) == [], "the end of all processes")
    assert (job.model / "checkpoint").read_text() == "saved\n"


def test_a_killed_agent_says_in_which_phase_it_was(job):
    """Before the pipeline runs the stub stands; afterwards the place is the pipeline's."""
    job.extra["E2E_MARK"] = str(job.folder / "mark")
    with Bucket() as bucket:
        content, _ = archive_of(PROJECT, job.folder)
        bucket.put("code.tar.gz", content)
        bucket.rule = lambda request, reply: setattr(reply, "stall_after", 10) or reply
        with start(job=job, env=bucket.env("code.tar.gz")) as running:
            bucket.wait_until_stalled()
            running.signal(signal.SIGKILL)
            assert running.process.wait(60) == -signal.SIGKILL
    assert (job.output / "failure").read_text() == "[agent-killed] train was killed in phase fetch\n"


# ---- signals from others ----


FAULTS = "SEGV BUS ILL FPE ABRT TRAP SYS".split()


@pytest.mark.parametrize("name", FAULTS)
def test_such_a_signal_from_somebody_else_has_its_default_effect(job, name):
    number = getattr(signal, f"SIG{name}")
    with start_marked(job, ":", {"env": {}}, preexec_fn=no_core) as running:
        running.wait_for("^ready$")
        running.signal(number)
        assert running.process.wait(60) == -number
        wait_until(lambda: alive(job) == [], "the end of all processes")
    assert not (job.output / "failure").exists()


@pytest.mark.parametrize("name", FAULTS)
def test_and_none_on_pid_1(job, name):
    text = f"kill -{name} 1; echo lives"
    result = run("--", "sh", "-c", text, job=job, before=pid1())
    assert result.code == 0 and "lives" in result.out


def test_one_that_was_ignored_stays_so(job):
    """Whoever started the agent wanted it so, and the pipeline is told so."""
    result = run("--", "sh", "-c", "kill -ABRT $PPID; kill -ABRT $$; echo lives", job=job, preexec_fn=lambda: signal.signal(signal.SIGABRT, signal.SIG_IGN))
    assert result.code == 0 and "lives" in result.out
