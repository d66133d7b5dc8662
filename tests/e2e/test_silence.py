"""silence-timeout (product §3): no output and no CPU use for so long ends the job, and the log says what each process waits in.

Nothing here is timed by the test: a pipeline that is truly silent, under the same setting, is the clock for those that are not.
"""
import os
import re
import subprocess

import pytest

from jobs import BINARY, PYTHON, JobRoot, clean_env, code, pid1, processes, project, run, start

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])
SILENT = {"TRAIN_SILENCE_TIMEOUT": 1}


@BOTH
def test_a_silent_pipeline_is_124_and_the_log_says_who_waits_in_what(job, before):
    job.hyperparameters({"api_token": "hush-hush-hush"})
    result = run("--", "sh", "-c", "echo ready; sleep 1000; :", "hush-hush-hush", job=job, env=SILENT, before=before)
    result.check(124, "silence")
    assert (result.record["outcome"], result.record["ended_by"]) == ("failed", "silence")
    assert re.search(r"(?m)^train: sleep \(\d+\): state S \(sleeping\), waits in \w*nanosleep, 0\.\d\d s of CPU: sleep 1000$", result.err)
    assert re.search(r"(?m)^train: sh \(\d+\): state S \(sleeping\), waits in do_wait, 0\.\d\d s of CPU: sh -c .* \*\*\*$", result.err)
    assert re.match(r"\[silence\] the pipeline was silent for [1-9]\d* s \(sleep \(\d+\) waits in \w*nanosleep, sh \(\d+\) waits in do_wait\) "
                    r"and was killed by SIGTERM", result.failure)
    assert "TRAIN_SILENCE_TIMEOUT" in result.failure
    assert "hush" not in result.everything


@pytest.mark.parametrize("ending", ["exit 0", "exit 5", ":"])
def test_silence_is_124_however_the_pipeline_ended(job, ending):
    """The last one is deaf: killed after the grace."""
    result = run("--", "sh", "-c", f"trap '{ending}' TERM; while :; do sleep 1000 & wait $!; done", job=job,
                 env=SILENT | {"TRAIN_STOP_GRACE": 1, "MARK": job.folder})
    result.check(124, "silence")
    assert processes(f"MARK={job.folder}") == []


def test_the_project_may_ask_for_it_and_the_next_step_does_not_run(job):
    job.code(project([{"name": "first", "command": ["sleep", "1000"]}, {"name": "second", "command": ["echo", "second ran"]}], silence_timeout=1))
    result = run(job=job)
    result.check(124, "silence")
    assert "step 'first' was silent" in result.failure and "second ran" not in result.out


def test_with_raw_only_cpu_use_counts(job):
    """What it says there the agent cannot hear."""
    says = "import time\nwhile True:\n    print('here I am', flush=True)\n    time.sleep(0.1)"
    run("--", *code(says), job=job, env=SILENT | {"TRAIN_LOG": "raw"}).check(124, "silence")


def test_many_processes_are_named_up_to_a_bound(job):
    result = run("--", "sh", "-c", "for i in $(seq 50); do sleep 1000 & done; wait", job=job, env=SILENT)
    result.check(124, "silence")
    assert "processes: 51" in result.said
    assert len([line for line in result.agent if "state S" in line]) == 32


# Each shows life in one way only, until the file in its argument is there.
LIVELY = {
    "says something": "print('.', flush=True); time.sleep(0.05)",
    "says it on stderr": "print('.', file=sys.stderr, flush=True); time.sleep(0.05)",
    "writes a metric": "open(os.environ['TRAIN_METRICS'], 'w').write('loss=1\\n'); time.sleep(0.05)",
    "uses CPU": "sum(range(300000)); time.sleep(0.05)",
    "has a child that uses CPU": "subprocess.run([sys.executable, '-c', 'sum(range(300000))']); time.sleep(0.2)",
}


@pytest.mark.parametrize("mode", ["lines", "raw"])
def test_who_shows_life_outlives_who_does_not(tmp_path, mode):
    names = [name for name in LIVELY if mode == "lines" or "CPU" in name]
    done = tmp_path / "done"
    running = []
    try:
        for number, name in enumerate(names):
            text = f"import os, subprocess, sys, time\nwhile not os.path.exists({str(done)!r}):\n    {LIVELY[name]}"
            running.append(start("--", *code(text), job=JobRoot(tmp_path / str(number)), env=SILENT | {"TRAIN_LOG": mode}))
        run("--", "sleep", "1000", job=JobRoot(tmp_path / "clock"), env=SILENT | {"TRAIN_LOG": mode}).check(124, "silence")
        assert [name for name, one in zip(names, running) if one.process.poll() is not None] == []
        done.touch()
        for name, one in zip(names, running):
            assert one.finish().code == 0, name
    finally:
        for one in running:
            one.__exit__()


def test_a_pipeline_that_waits_for_the_logs_reader_is_not_silent(tmp_path):
    text = "import sys\nsys.stdout.write('x' * 99 + '\\n')\nfor _ in range(20000): sys.stdout.write('y' * 99 + '\\n')"
    job = JobRoot(tmp_path / "stalled")
    read, write = os.pipe()
    stalled = subprocess.Popen([BINARY, "--", PYTHON, "-c", text], env=clean_env(job, SILENT), stdin=subprocess.DEVNULL, stdout=write,
                               stderr=subprocess.DEVNULL)
    try:
        os.close(write)
        with open(read, "rb") as reader:
            reader.read(1)  # it has begun, and nobody reads on
            run("--", "sleep", "1000", job=JobRoot(tmp_path / "clock"), env=SILENT).check(124, "silence")
            assert stalled.poll() is None
            rest = reader.read()
        assert stalled.wait() == 0
        assert rest.count(b"y" * 99 + b"\n") == 20000
    finally:
        stalled.kill()
        stalled.wait()


def test_zero_is_off(job):
    """Nothing is looked at, so nothing can be found."""
    assert run("--", "true", job=job, env={"TRAIN_SILENCE_TIMEOUT": 0}).code == 0
