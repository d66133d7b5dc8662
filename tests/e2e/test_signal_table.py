"""Each of the 64 signals, sent to the agent while a pipeline runs: what product §9 says, or the default effect."""
import os
import re
import resource
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs import PYTHON, JobRoot, pid1, processes, start, wait_until

STOP, PASS, NOTHING, HALT, DIE = "the pipeline gets TERM", "the pipeline gets it", "nothing", "the agent is stopped", "the agent dies of it"

# Without a terminal on stdin. What is not named keeps its default effect, and that is to die of it.
TABLE = dict.fromkeys(range(1, 65), DIE) | {
    signal.SIGTERM: STOP, signal.SIGINT: STOP, signal.SIGQUIT: STOP, signal.SIGHUP: STOP,
    signal.SIGUSR1: PASS, signal.SIGUSR2: PASS, signal.SIGWINCH: PASS, signal.SIGCONT: PASS, signal.SIGTSTP: PASS,
    signal.SIGPIPE: NOTHING, signal.SIGCHLD: NOTHING, signal.SIGURG: NOTHING,
    signal.SIGSTOP: HALT, signal.SIGTTIN: HALT, signal.SIGTTOU: HALT}

# Says the number of every signal that can be caught; ends with 7 on TERM, and when the other end of stdin is gone.
LISTEN = """
import os, signal, sys, threading
numbers = set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(8))).start()
os.write(1, b'ready\\n')
while True:
    number = signal.sigwait(numbers)
    os.write(1, b'got %d\\n' % number)
    if number == signal.SIGTERM:
        os._exit(7)
"""


def listener(job, before=()):
    def plain():
        """As in a container, whatever the tests were started with."""
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    # A group of its own, with its parent outside: in an orphaned one, as tests in the background may be, the kernel stops nobody for SIGTTIN.
    return start("--", PYTHON, "-c", LISTEN, job=job, before=before, stdin=subprocess.PIPE, env={"MARK": job.folder}, preexec_fn=plain,
                 process_group=0)


def heard(running):
    """The numbers that the pipeline has got."""
    return [int(number) for number in re.findall(rb"(?m)^got (\d+)$", running.out.data)]


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def check_one(folder, number):
    job = JobRoot(folder)
    effect = TABLE[number]
    with listener(job) as running:
        running.wait_for("^ready$")
        running.signal(number)
        if effect == HALT:
            wait_until(lambda: state(running.pid) == "T", f"the agent to be stopped by {number}")
            running.signal(signal.SIGCONT)
            running.wait_for(f"^got {signal.SIGCONT:d}$")
        elif effect == PASS:
            running.wait_for(f"^got {number:d}$")
        elif effect == DIE:
            assert running.process.wait(60) == -number
            running.process.stdin.close()
            wait_until(lambda: processes(f"MARK={job.folder}") == [], "the pipeline's end")
            return
        if effect != STOP:
            running.signal(signal.SIGTERM)
        result = running.finish()
    extra = {PASS: [number], HALT: [signal.SIGCONT]}.get(effect, [])
    assert (result.code, heard(running)) == (7, [*extra, signal.SIGTERM]), f"signal {number}"
    result.check(7, "stopped")


def test_each_signal_has_its_effect(tmp_path):
    """Eight agents at a time; one is all that a deadly signal leaves of an agent."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: check_one(tmp_path / str(number), number), TABLE))


def test_as_pid_1_what_would_kill_or_stop_the_agent_does_nothing(job):
    """The kernel keeps a PID 1 from the default effects, but for KILL and STOP from outside; the rest is the same."""
    with listener(job, before=pid1()) as running:
        running.wait_for("^ready$")
        passed = []
        for number, effect in TABLE.items():
            if effect in (PASS, NOTHING, DIE, HALT) and number not in (signal.SIGKILL, signal.SIGSTOP):
                running.signal(number)
                if effect == PASS:
                    running.wait_for(f"^got {number:d}$")
                    passed.append(number)
        running.signal(signal.SIGTERM)
        result = running.finish()
        result.check(7, "stopped")
        assert heard(running) == [*passed, signal.SIGTERM]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_stop_that_came_before_the_first_instruction_starts_nothing(job, number):
    """Blocked and pending across exec: it waits for the agent when that begins."""
    def pending():
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])
        os.kill(os.getpid(), number)

    with start("--", "sh", "-c", "echo ran", job=job, preexec_fn=pending) as running:
        result = running.finish()
    result.check(128 + number, "stopped")
    assert "ran" not in result.out
