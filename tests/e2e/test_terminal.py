"""Where a terminal is (product §9): docker run -it, and train run at home."""
import os
import re
import shlex
import signal
import subprocess

import pytest

from jobs import BINARY, HOOKS_BINARY, PYTHON, clean_env, make_tree, pid1, project, wait_until
from terminal import Terminal


class Container(Terminal):
    """The same as `docker run -it` does it: the command is PID 1 of a container, and the terminal's session leader."""

    def __init__(self, words, env, cwd):
        self.fd, slave = os.openpty()
        with open(slave, "rb", closefd=True):
            self.process = subprocess.Popen([*pid1(), "setsid", "--ctty", *words], env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave,
                                            start_new_session=True)
        self.pid = self.process.pid
        self.text = ""
        self.code = None

    def finish(self):
        while self.read():
            pass
        self.code = self.process.wait()
        return self.code


LISTEN = """
import os, signal, sys
names = {getattr(signal, 'SIG' + name): name for name in 'TERM INT QUIT HUP USR1 WINCH'.split()}
signal.pthread_sigmask(signal.SIG_BLOCK, names)
os.write(1, b'ready\\n')
while True:
    name = names[signal.sigwait(names)]
    os.write(1, b'got %s\\n' % name.encode())
    if name in sys.argv[1:]:
        os._exit(7)
"""


def at_terminal(job, *words, world=Terminal, **env):
    return world([BINARY, *map(str, words)], clean_env(job, env), job.folder)


BOTH = pytest.mark.parametrize("world", [Terminal, Container])


@BOTH
def test_ctrl_c_is_a_stop_request(job, world):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "TERM", world=world) as terminal:
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


@BOTH
def test_the_pipelines_stdin_is_dev_null_with_lines(job, world):
    with at_terminal(job, "--", "readlink", "/proc/self/fd/0", world=world) as terminal:
        terminal.finish()
    assert "/dev/null" in terminal.text


@BOTH
def test_raw_hands_the_terminal_over_and_takes_it_back(job, world):
    text = "import os, sys\nprint('mine', os.tcgetpgrp(0) == os.getpgid(0), os.isatty(1), flush=True)\nprint('read', input(), flush=True)"
    with at_terminal(job, "--", PYTHON, "-c", text, TRAIN_LOG="raw", world=world) as terminal:
        terminal.wait_for("mine True True")
        terminal.type("typed\n")
        assert terminal.finish() == 0
    assert "mine True True" in terminal.text and "read typed" in terminal.text


@BOTH
def test_an_interactive_program_in_raw_gets_ctrl_c_itself(job, world):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "INT", TRAIN_LOG="raw", world=world) as terminal:
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


# ---- the window ----

@BOTH
@pytest.mark.parametrize("mode", ["lines", "raw"])
def test_a_change_of_the_windows_size_reaches_the_pipeline(job, world, mode):
    with at_terminal(job, "--", PYTHON, "-c", LISTEN, "INT", "TERM", world=world, TRAIN_LOG=mode) as terminal:
        terminal.wait_for("^ready")
        terminal.resize(33, 77)
        terminal.wait_for("^got WINCH")
        terminal.type("\x03")
        assert terminal.finish() == 7


def test_raw_has_the_windows_size(job):
    text = "import os, signal\nsignal.signal(signal.SIGWINCH, lambda *a: print(*os.get_terminal_size(), flush=True))\nos.write(1, b'ready\\n')\ninput()"
    with at_terminal(job, "--", PYTHON, "-c", text, TRAIN_LOG="raw") as terminal:
        terminal.wait_for("^ready")
        terminal.resize(33, 77)
        terminal.wait_for("^77 33")
        terminal.type("\n")
        assert terminal.finish() == 0


# ---- the terminal itself, where stdin is not the way to it ----

def test_with_lines_the_pipeline_has_no_terminal_to_wait_for(job):
    """Who asks /dev/tty for a password would be stopped for ever by a terminal whose foreground is the agent's."""
    text = "try:\n    open('/dev/tty').read()\nexcept OSError as err:\n    print('refused', err.strerror)"
    with at_terminal(job, "--", PYTHON, "-c", text) as terminal:
        assert terminal.finish() == 0
    assert "refused No such device or address" in terminal.text


# ---- a shell with job control ----

class Shell(Terminal):
    """bash at a terminal, where people type."""

    def __init__(self, job, **env):
        env = clean_env(job, env | {"PS1": "", "PS2": "", "TERM": "dumb"})
        super().__init__(["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"], env, job.folder)
        self.run("stty -echo")

    def run(self, line):
        self.text = ""
        self.type(line + "\n")

    def train(self, *words):
        return shlex.join([BINARY, "--", *words])


READ = f"{shlex.quote(PYTHON)} -c " + shlex.quote("print('asks', flush=True); print('read', input(), flush=True)")


@pytest.mark.parametrize("mode", ["lines", "raw"])
def test_in_the_background_it_runs_to_its_end(job, mode):
    with Shell(job, TRAIN_LOG=mode) as shell:
        shell.run(shell.train("sh", "-c", "echo here; exit 3") + " & wait $!; echo code $?")
        shell.wait_for("^code 3")
        assert "here" in shell.text
        shell.run("exit")
        shell.finish()


def test_in_the_background_a_reader_of_the_terminal_waits_for_fg(job):
    """As a shell shows any other job that wants to read: stopped, until it is in the foreground."""
    with Shell(job, TRAIN_LOG="raw") as shell:
        shell.run(shell.train("sh", "-c", READ) + " &")
        shell.wait_for("^asks")
        shell.run("while ! jobs | grep -q Stopped; do jobs >/dev/null; done; echo it is stopped")
        shell.wait_for("^it is stopped")
        shell.run("fg; echo code $?")
        shell.type("typed\n")
        shell.wait_for("^code 0")
        assert "read typed" in shell.text
        shell.run("echo back again")
        shell.wait_for("^back again")
        shell.run("exit")
        shell.finish()


@pytest.mark.parametrize("mode, code", [("raw", 130), ("lines", 143)])
def test_ctrl_z_and_fg_in_a_shell(job, mode, code):
    with Shell(job, TRAIN_LOG=mode) as shell:
        shell.run(shell.train("sh", "-c", "echo ready $$; exec sleep 1000") + "; echo code $?")
        shell.wait_for("^ready [0-9]+\r?$")
        pipeline = int(re.search("ready ([0-9]+)", shell.text)[1])
        shell.type("\x1a")
        shell.wait_for("^code 147")
        shell.run("fg; echo code $?")
        # What is typed before the terminal has changed hands is the shell's.
        wait_until(lambda: os.tcgetpgrp(shell.fd) in ([pipeline] if mode == "raw" else [os.getpgid(parent_of(pipeline))]), "the foreground")
        shell.type("\x03")
        shell.wait_for(f"^code {code}")
        shell.run("exit")
        shell.finish()


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def test_ctrl_z_and_bg_in_a_shell(job):
    """In the background it goes on without the terminal, and does not take it from the shell."""
    text = "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\nprint('ready', flush=True)\n" \
        "signal.sigwait([signal.SIGUSR1])\nprint('in the background', flush=True)"
    with Shell(job, TRAIN_LOG="raw") as shell:
        shell.run(shell.train(PYTHON, "-c", text))
        shell.wait_for("^ready")
        shell.type("\x1a")
        shell.wait_for("Stopped")
        shell.run("bg; kill -USR1 %1; wait %1; echo code $?")
        shell.wait_for("^code 0")
        assert "in the background" in shell.text
        shell.run("exit")
        shell.finish()
