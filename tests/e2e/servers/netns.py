"""A network namespace of the test's own: only a loopback device, with whatever addresses the test wants on it.

Here link-local addresses can be served without touching the machine's own metadata service, and public ones without a network.
Servers in threads of the tests get a socket made inside (listen); programs are put inside by the words of inside().
"""
import ctypes
import os
import socket
import subprocess
import threading

from jobs import IS_ROOT

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Netns:
    """Use it with 'with'. 'names' maps host names to addresses, as /etc/hosts inside."""

    def __init__(self, folder, addresses=(), names=None):
        assert IS_ROOT, "a network namespace with servers of the test inside needs root"
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in (names or {}).items()))
        self.addresses = addresses
        self.process = None

    def __enter__(self):
        lines = ["ip link set lo up", *(f"ip address add {address}/32 dev lo" for address in self.addresses),
                 f"mount --bind {self.hosts} /etc/hosts", "echo ready", "exec cat"]
        # It ends when our end of its stdin does, so it never outlives us.
        self.process = subprocess.Popen(["unshare", "--net", "--mount", "--", "sh", "-ec", "\n".join(lines)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = self.process.stdout.readline()
        assert said == b"ready\n", said + self.process.stdout.read()
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def inside(self):
        """Words before a command that run it here."""
        return ["nsenter", f"--net=/proc/{self.process.pid}/ns/net", f"--mount=/proc/{self.process.pid}/ns/mnt", "--"]

    def listen(self, address, port=0):
        """A listening socket in here. A socket stays in the namespace it was made in, whoever uses it."""
        made = []

        def enter_and_listen():
            with open(f"/proc/{self.process.pid}/ns/net", "rb") as namespace:
                if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
                    made.append(OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno())))
                    return
            try:
                made.append(socket.create_server((address, port)))
            except OSError as error:
                made.append(error)
        # The thread that has changed its namespace ends here; all others stay where they are.
        thread = threading.Thread(target=enter_and_listen)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]
