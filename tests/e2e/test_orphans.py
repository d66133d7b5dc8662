"""What leaves the pipeline's main process: reaped, ended, or named (product §9). The cgroups are the test's own."""
import contextlib
import signal
import uuid
from pathlib import Path

import pytest

from jobs import code, pid1, run, start, wait_until

BOTH = pytest.mark.parametrize("before", [[], pid1()], ids=["plain", "pid1"])
CGROUPS = Path("/sys/fs/cgroup")

# Ten thousand orphans: some die before the one between them and the agent, some after. SIGCHLD is one signal, however many die.
ORPHANS = """
import os, subprocess, time
subprocess.run(['sh', '-c', 'i=0; while [ $i -lt 10000 ]; do (: &); i=$((i+1)); done'], check=True)
agent = os.getppid()
end = time.monotonic() + 30
children = None
while children != [str(os.getpid())] and time.monotonic() < end:
    children = open(f'/proc/{agent}/task/{agent}/children').read().split()
print('left', len(children) - 1)
"""


@contextlib.contextmanager
def cgroup(controller, **limits):
    """A cgroup of the test's own; its name in 'before' puts what follows into it."""
    folder = CGROUPS / controller / f"train-{uuid.uuid4().hex[:12]}"
    folder.mkdir()
    try:
        for name, value in limits.items():
            (folder / name.replace("_", ".")).write_text(str(value))
        yield folder
    finally:
        wait_until(lambda: members(folder) == [], "the end of all processes of the cgroup")
        folder.rmdir()


def members(folder):
    return (folder / "cgroup.procs").read_text().split()


def inside(folder):
    """Words before a command that put it into the cgroup."""
    return ["sh", "-c", f'echo $$ >{folder}/cgroup.procs; exec "$@"', "sh"]


@BOTH
def test_ten_thousand_orphans_leave_no_zombie(job, before):
    result = run("--", *code(ORPHANS), job=job, before=before)
    assert result.pipeline == ["left 0"], result.err
    assert result.code == 0


# ---- what cannot be killed ----

FREEZE = """
import os, signal, sys, time
folder = sys.argv[1]
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.setsid()
        open('/proc/self/comm', 'w').write('undead')
        open(folder + '/cgroup.procs', 'w').write(str(os.getpid()))
        os.write(write, b'x')
        signal.pause()
    os._exit(0)
os.read(read, 1)
open(folder + '/freezer.state', 'w').write('FROZEN')
while open(folder + '/freezer.state').read() != 'FROZEN\\n':
    pass
"""


@pytest.fixture
def freezer():
    """A cgroup whose frozen processes not even SIGKILL ends; thawed afterwards, when that takes effect."""
    with cgroup("freezer") as folder:
        try:
            yield folder
        finally:
            (folder / "freezer.state").write_text("THAWED")


@BOTH
def test_what_was_left_behind_and_cannot_be_killed_is_named(job, freezer, before):
    """As PID 1 the agent has said all, but the kernel keeps it until the last process of its namespace is gone."""
    with start("--", *code(FREEZE), freezer, job=job, before=before) as running:
        running.wait_for("^train: record: ")
        assert len(members(freezer)) == 1
        (freezer / "freezer.state").write_text("THAWED")
        result = running.finish()
    result.check(0, None)
    assert "1 processes could not be killed" in result.said
    assert "these could not be killed: undead (" in result.said


def test_after_a_stop_what_cannot_be_killed_is_named_too(job, freezer):
    wait = FREEZE + "print('ready', flush=True)\nwhile True:\n    signal.pause()\n"
    with start("--", *code(wait), freezer, job=job, env={"TRAIN_STOP_GRACE": 0}) as running:
        running.wait_for("^ready$")
        running.signal(signal.SIGTERM)
        result = running.finish()
    result.check(137, "stopped")
    assert "these could not be killed: undead (" in result.said


# ---- what multiplies ----

# Whoever is killed is replaced at once, as far as the limit allows; in sessions of their own, and deaf.
BOMB = """
import os, signal
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
full = False
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        if not full:
            os.write(1, b'full\\n')
            full = True
"""


@BOTH
def test_a_fork_bomb_under_a_limit_ends_by_a_stop(job, before):
    with cgroup("pids", pids_max=100) as folder:
        with start("--", *code(BOMB), job=job, env={"TRAIN_STOP_GRACE": 0, "MARK": job.folder}, before=[*before, *inside(folder)]) as running:
            running.wait_for("^full$")
            running.signal(signal.SIGTERM)
            result = running.finish()
        result.check(137, "stopped")
        assert "could not be killed" not in result.said
        assert members(folder) == []


def test_a_fork_bomb_that_is_left_behind_ends_too(job):
    """Its maker has ended; TERM means nothing to it."""
    leave = f"import subprocess, sys\nbomb = subprocess.Popen([sys.executable, '-c', {BOMB!r}], stdout=subprocess.PIPE)\nbomb.stdout.readline()\n"
    with cgroup("pids", pids_max=100) as folder:
        result = run("--", *code(leave), job=job, before=inside(folder))
        result.check(0, None)
        assert "could not be killed" not in result.said
        assert members(folder) == []


def test_at_the_limit_the_agent_says_that_it_cannot_fork(job):
    with cgroup("pids", pids_max=1) as folder:
        result = run("--", "true", job=job, before=inside(folder))
    result.check(71, "system")
    assert "fork" in result.failure
