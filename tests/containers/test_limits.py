"""Limits of a container, hit: memory, processes, shared memory, processors. What the operator reads must name the limit (product §12)."""
import re

import pytest

import bases
import engine
from projects import coded, completed, failed

MEMORY = ["--memory", "96m", "--memory-swap", "96m"]
HOG = "perl -e 'while (1) { push @all, \"a\" x (1 << 20) . @all }'"  # touches what it takes
KILLED = "for want of memory (the container's limit is 96 MiB)"
PROCESSES = 30


def test_memory_runs_out_and_the_main_process_is_killed(job):
    result = engine.run(bases.layered(), "train", job=coded(job, f"exec {HOG}"), flags=MEMORY)
    failed(result, 137, "memory-kill", f"the pipeline was killed by the kernel {KILLED}", "an instance with more memory", ended_by="memory")
    assert int(re.search(r"#metric agent:peak_memory_bytes=(\d+);", result.out)[1]) > 64 << 20


def test_memory_runs_out_and_a_worker_is_killed(job):
    """The counter tells, though the pipeline's own code is 3: as of a data loader whose worker is gone."""
    result = engine.run(bases.layered(), "train", job=coded(job, f"{HOG}; echo worker $?; exit 3"), flags=MEMORY)
    failed(result, 3, "memory-kill", KILLED, "an instance with more memory", ended_by="memory")
    assert "worker 137" in result.pipeline


def test_memory_runs_out_and_the_pipeline_goes_on(job):
    """A success, with the warning that something is missing."""
    result = engine.run(bases.layered(), "train", job=coded(job, f"{HOG}; echo goes on"), flags=MEMORY)
    assert (result.code, result.failure) == (0, None)
    assert (result.record["outcome"], result.record["reason"]) == ("completed", "memory-kill")
    assert "goes on" in result.pipeline
    assert f"warning: [memory-kill] the kernel killed a process of the pipeline {KILLED}; the pipeline then ended with exit code 0" in result.agent


def test_memory_of_one_step_is_not_blamed_on_the_next(job):
    """Steps end where one fails, and the step is named."""
    steps = [{"name": "small", "command": ["/bin/true"]}, {"name": "large", "command": ["/bin/sh", "-c", f"exec {HOG}"]}]
    coded(job, "", {"pipeline.json": {"steps": steps}})
    failed(engine.run(bases.layered(), "train", job=job, flags=MEMORY), 137, "memory-kill", "'large'", KILLED, ended_by="memory")


def test_not_even_the_pipeline_fits_into_the_limit_on_processes(job):
    result = engine.run(bases.layered(), "train", job=coded(job, "echo ran"), flags=["--pids-limit", 1])
    failed(result, 71, "system", "cannot fork for", "The container's limit of 1 processes and threads was hit", ended_by="agent")


def test_a_fork_bomb_meets_the_limit_on_processes(job):
    """The shell gives up at the first refusal; the agent, inside the same limit, still tells and cleans up."""
    bomb = "while :; do sleep 1000 & done"
    result = engine.run(bases.layered(), "train", job=coded(job, bomb), flags=["--pids-limit", PROCESSES])
    failed(result, 2, "exit-2", f"The container's limit of {PROCESSES} processes and threads was hit", "Cannot fork", ended_by="pipeline")
    assert any(re.fullmatch(r"warning: the pipeline left processes behind, they are stopped: \d+", line) for line in result.agent), result.said


def test_a_fork_bomb_that_never_ends_is_stopped(job):
    """It fills the limit again and again while it is being killed: all of it ends, whatever it does."""
    bomb = 'fork() while 1'
    result = engine.run(bases.layered(), "train", job=coded(job, f"exec perl -e '$SIG{{TERM}} = \"IGNORE\"; {bomb}'"),
                        env={"TRAIN_TIMEOUT": 2, "TRAIN_STOP_GRACE": 1}, flags=["--pids-limit", PROCESSES])
    failed(result, 124, "timeout", f"The container's limit of {PROCESSES} processes and threads was hit", ended_by="timeout")


def test_shared_memory_runs_out(job):
    """The advice is that of /dev/shm, not of a larger volume."""
    writing = "exec dd if=/dev/zero of=/dev/shm/queue bs=1M count=2"
    result = engine.run(bases.layered(), "train", job=coded(job, writing), flags=["--shm-size", "1m"])
    failed(result, 1, "exit-1", "'/dev/shm' is full: 0 bytes of 1 MiB are free", "/dev/shm is too small", ended_by="pipeline")


BUS_ERROR = """
import mmap, os
fd = os.open("/dev/shm/queue", os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 4 << 20)
view = mmap.mmap(fd, 4 << 20)
for at in range(0, 4 << 20, 4096):
    view[at] = 1
"""


def test_shared_memory_that_is_mapped_runs_out(job):
    """What data loaders do: SIGBUS."""
    result = engine.run(bases.image("debian"), "train", job=coded(job, "exec python3 queue.py", {"queue.py": BUS_ERROR}), flags=["--shm-size", "1m"])
    failed(result, 135, "signal-SIGBUS", "/dev/shm", "1 MiB", ended_by="pipeline")


@pytest.mark.parametrize("cpus", ["0.5", "1.5"])
def test_a_share_of_the_processors(job, cpus):
    """SM_NUM_CPUS is what the toolkit has, the processors that are to be seen: a share takes none away."""
    result = engine.run(bases.layered(), "train", job=coded(job, 'test "$SM_NUM_CPUS" = "$(nproc)" && echo same'), flags=["--cpus", cpus])
    completed(result, "same")


def test_some_of_the_processors(job):
    """A set of them is another matter: what may be used counts for nproc; the toolkit counts those of the machine."""
    result = engine.run(bases.layered(), "train", job=coded(job, 'nproc; echo "cpus $SM_NUM_CPUS $(getconf _NPROCESSORS_ONLN)"'), flags=["--cpuset-cpus", "0"])
    assert completed(result).pipeline[0] == "1"
