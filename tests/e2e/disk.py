"""A disk that a test can slow down: every write(2) of a program and of all that it starts waits for the test's word.

    with Disk(lambda write: time.sleep(write.bytes / RATE)) as disk:
        result = run(job=job, **disk.under())

The kernel holds the call (seccomp's user notification) and makes it when the word has come: to the program that is what a slow disk looks like,
and it needs neither a device nor a file system of its own. A write to a pipe waits, too.

Run as a program, this file puts the filter on itself, sends its listener through a socket and becomes the program.
"""
import contextlib
import ctypes
import fcntl
import os
import platform
import select
import socket
import struct
import sys
import threading
from dataclasses import dataclass

# seccomp(2), seccomp_unotify(2), linux/filter.h
SET_MODE_FILTER, NEW_LISTENER, NO_NEW_PRIVS = 1, 8, 38
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NOTIFY, ALLOW = 0x7fc00000, 0x7fff0000
CONTINUE = 1
CALLS = {"x86_64": (317, (1, 18)), "aarch64": (277, (64, 68))}  # seccomp; write and pwrite64
NOTICE = struct.Struct("QIIiIQ6Q")  # id, pid, flags; number, architecture, instruction, arguments
ANSWER = struct.Struct("QqiI")


def _ioctl(number, size):
    return 3 << 30 | size << 16 | ord("!") << 8 | number


RECEIVE, SEND = _ioctl(0, NOTICE.size), _ioctl(1, ANSWER.size)


@dataclass(frozen=True)
class Write:
    pid: int  # of the thread
    fd: int
    bytes: int

    @property
    def path(self):
        """Where it goes, as the kernel names it; "" when the writer is gone."""
        with contextlib.suppress(OSError):
            return os.readlink(f"/proc/{self.pid}/fd/{self.fd}")
        return ""


class Disk:
    """'hold' is called in a thread of its own with each Write, and returns when it may go on."""

    def __init__(self, hold):
        self.hold = hold
        self.trouble = None
        self._ours, self._theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def under(self):
        """What run() and start() need for a program that writes to this disk."""
        return {"before": [sys.executable, __file__, str(self._theirs.fileno())], "pass_fds": [self._theirs.fileno()]}

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._theirs.close()
        self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._ours.close()
        if exc[0] is None and self.trouble is not None:
            raise self.trouble

    def _serve(self):
        _, fds, _, _ = socket.recv_fds(self._ours, 1, 1)
        if not fds:
            return  # nobody was ever started
        try:
            self._answer_all(fds[0])
        except Exception as trouble:
            self.trouble = trouble
        finally:
            os.close(fds[0])

    def _answer_all(self, listener):
        """Until the last program under the filter has ended."""
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        while not poll.poll()[0][1] & select.POLLHUP:
            notice = bytearray(NOTICE.size)
            try:
                fcntl.ioctl(listener, RECEIVE, notice)
                number, pid, _, _, _, _, fd, _, count, *_ = NOTICE.unpack(notice)
                self.hold(Write(pid, fd, count))
                fcntl.ioctl(listener, SEND, ANSWER.pack(number, 0, 0, CONTINUE))
            except FileNotFoundError:
                pass  # the writer was killed meanwhile


def _become(fd, words):
    call, numbers = CALLS[platform.machine()]
    steps = [(LOAD, 0, 0, 0)]
    steps += [(EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, NOTIFY)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = struct.pack("HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 and libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) < 0:
        raise OSError(ctypes.get_errno(), "no_new_privs")
    listener = libc.syscall(call, SET_MODE_FILTER, NEW_LISTENER, program)
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    with socket.socket(fileno=fd) as door:
        socket.send_fds(door, [b"."], [listener])
    os.execvp(words[0], words)


if __name__ == "__main__":
    _become(int(sys.argv[1]), sys.argv[2:])
