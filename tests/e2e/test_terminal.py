"""Where a terminal is (product §9): docker run -it, and train run at home."""
import os
import pty
import re
import signal
import subprocess

import pytest

from jobs import BINARY, HOOKS_BINARY, PYTHON, clean_env, make_tree, project, wait_until


class Terminal:
    """A command as the session leader of a terminal of its own; what it writes is collected when it is waited for."""

    def __init__(self, words, env, cwd):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execve(words[0], words, env)
        self.text = ""
        self.code = None

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self):
        """Reads once more; False at the end."""
        try:
            part = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other side any more
            return False
        self.text += part.decode(errors="replace")
        return bool(part)

    def wait_for(self, pattern):
        while not re.search(pattern, self.text, re.MULTILINE):
            assert self.read(), f"'{pattern}' never came\n{self.text}"

    def type(self, text):
        os.write(self.fd, text.encode())

    def finish(self):
        while self.read():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


LISTEN = """
import os, signal, sys
names = {getattr(signal, 'SIG' + name): name for name in 'TERM INT QUIT HUP USR1'.split()}
def got(number, frame):
    print('got', names[number], flush=True)
    if names[number] in sys.argv[1:]:
        os._exit(7)
for number in names:
    signal.signal(number, got)
print('ready', flush=True)
while True:
    signal.pause()
"""


def at_terminal(job, *words, **env):
    return Terminal([BINARY, *words], clean_env(job, env), job.folder)


def test_ctrl_c_is_a_stop_request(job):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "TERM") as terminal:
        terminal.wait_for("^ready")
        terminal.type("\x03")
        assert terminal.finish() == 7
    assert "got TERM" in terminal.text and "got INT" not in terminal.text


def test_a_hang_up_passes_unchanged(job):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "HUP") as terminal:
        terminal.wait_for("^ready")
        os.kill(terminal.pid, signal.SIGHUP)
        assert terminal.finish() == 7
    assert "got HUP" in terminal.text and "got TERM" not in terminal.text


def test_the_pipelines_stdin_is_dev_null_with_lines(job):
    with at_terminal(job, "--", "readlink", "/proc/self/fd/0") as terminal:
        terminal.finish()
    assert "/dev/null" in terminal.text


def test_raw_hands_the_terminal_over_and_takes_it_back(job):
    text = "import os, sys\nprint('mine', os.tcgetpgrp(0) == os.getpgid(0), os.isatty(1), flush=True)\nprint('read', input(), flush=True)"
    with at_terminal(job, "--", PYTHON, "-c", text, TRAIN_LOG="raw") as terminal:
        terminal.wait_for("mine True True")
        terminal.type("typed\n")
        assert terminal.finish() == 0
    assert "mine True True" in terminal.text and "read typed" in terminal.text


def test_an_interactive_program_in_raw_gets_ctrl_c_itself(job):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "INT", TRAIN_LOG="raw") as terminal:
        terminal.wait_for("^ready")
        terminal.type("\x03")
        assert terminal.finish() == 7
    assert "got INT" in terminal.text


def test_a_crash_of_the_agent_takes_the_terminal_back(job):
    """Whoever started it reads from it again, and is not stopped for that."""
    text = '"$0" -- sh -c \'echo loss=1 >"$TRAIN_METRICS"; exec sleep 1000\'; echo "code $?"; read -r word; echo "read $word"'
    env = clean_env(job, {"TRAIN_LOG": "raw", "TRAIN_TEST_CRASH": "running:segv"})
    with Terminal(["/bin/sh", "-c", text, HOOKS_BINARY], env, job.folder) as terminal:
        terminal.wait_for("^code 70")
        terminal.type("typed\n")
        assert terminal.finish() == 0
    assert "read typed" in terminal.text


def test_a_second_ctrl_c_at_home_ends_it_at_once(tmp_path):
    """The grace is longer than any test may last."""
    home = make_tree(tmp_path / "p", project(command=[PYTHON, "-c", LISTEN]))
    env = clean_env(env={"TMPDIR": tmp_path, "TRAIN_STOP_GRACE": 3600})
    with Terminal([BINARY, "run"], env, home) as terminal:
        terminal.wait_for("^ready")
        terminal.type("\x03")
        terminal.wait_for("got TERM")
        terminal.type("\x03")
        assert terminal.finish() == 137


def test_progress_stays_progress_on_a_terminal(job):
    text = "import sys\nfor n in range(3):\n    sys.stdout.write('\\r%d%%' % n); sys.stdout.flush()\nprint()"
    with at_terminal(job, "--", PYTHON, "-c", text) as terminal:
        assert terminal.finish() == 0
    assert "\r2%" in terminal.text


def test_ctrl_z_stops_the_job_and_fg_goes_on(job):
    """The shell's view: the agent stops itself after the group, and goes on with it."""
    with at_terminal(job, "--", "sh", "-c", "echo ready; read -r x </dev/null; exec sleep 1000") as terminal:
        terminal.wait_for("^ready")
        os.kill(terminal.pid, signal.SIGTSTP)
        pid, status = wait_until(lambda: stopped(terminal.pid), "the agent to stop")
        assert os.WIFSTOPPED(status)
        os.kill(terminal.pid, signal.SIGCONT)
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.finish() == 143


def stopped(pid):
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
    return (found, status) if found else None
