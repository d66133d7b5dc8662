"""A server that is a program: started at a free port of loopback, waited for, ended in every case."""
import socket
import subprocess
from pathlib import Path

from jobs import DEADLINE_S, wait_until

SETUP = Path(__file__).resolve().parents[2] / "tools" / "setup"
STARTS = 5  # between finding a free port and using it somebody else may have taken it


def tool(name):
    """The path of a program that tests/tools/setup makes sure of."""
    return subprocess.run([SETUP, name], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Program:
    """Subclasses say what to start (command) and when it serves (is_ready). Use it with 'with'."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log = self.folder / "log"
        self.port = None
        self.process = None

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def __enter__(self):
        for _ in range(STARTS):
            self.port = free_port()
            with open(self.log, "ab") as log:
                # The kernel ends it with us, should we be killed.
                self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *map(str, self.command())],
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            wait_until(lambda: self.process.poll() is not None or self.is_ready(), f"{type(self).__name__} to serve")
            if self.process.poll() is None:
                return self
        raise AssertionError(f"{type(self).__name__} does not start:\n{self.log.read_text(errors='replace')[-2000:]}")

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise

    def answers(self):
        """Whether something accepts a connection at the port."""
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True
