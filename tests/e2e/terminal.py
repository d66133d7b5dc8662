"""A terminal of a test's own, with a command in it."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios

from jobs import DEADLINE_S


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
        assert select.select([self.fd], [], [], DEADLINE_S)[0], f"nothing more came\n{self.text}"
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

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def finish(self):
        while self.read():
            pass
        self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code
