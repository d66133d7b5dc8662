"""A network namespace of the test's own: only a loopback device, with whatever addresses the test wants on it.

Here link-local addresses can be served without touching the machine's own metadata service, and public ones without a network.
Servers in threads of the tests get a socket made inside (listen); programs are put inside by the words of inside().
"""
import socket
import subprocess
import sys

from jobs import IS_ROOT

# A socket stays in the namespace it was made in, whoever uses it.
MAKE_AND_HAND_OVER = """
import socket, sys
channel, address, kind = socket.socket(fileno=int(sys.argv[1])), (sys.argv[2], int(sys.argv[3])), sys.argv[4]
made = socket.create_server(address) if kind == "stream" else socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if kind == "datagram":
    made.bind(address)
socket.send_fds(channel, [b"."], [made.fileno()])
"""

RESOLVER_S = 60  # how long a program in here waits for its resolver, the most that C libraries allow


class Netns:
    """Use it with 'with'. 'names' maps host names to addresses, as /etc/hosts inside; all others are asked for at the address 'resolver'."""

    def __init__(self, folder, addresses=(), names=None, resolver=None):
        self.hosts = folder / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {name}\n" for name, address in (names or {}).items()))
        self.resolv = folder / "resolv.conf"
        self.resolv.write_text(f"nameserver {resolver}\noptions timeout:{RESOLVER_S} attempts:1\n" if resolver else "")
        self.addresses = addresses
        self.process = None

    def __enter__(self):
        lines = ["ip link set lo up", *(f"ip address add {address}/32 dev lo" for address in self.addresses),
                 f"mount --bind {self.hosts} /etc/hosts", f"mount --bind {self.resolv} /etc/resolv.conf", "echo ready", "exec cat"]
        # It ends when our end of its stdin does, so it never outlives us.
        self.process = subprocess.Popen(["unshare", *([] if IS_ROOT else ["--map-root-user"]), "--net", "--mount", "--", "sh", "-ec",
                                         "\n".join(lines)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = self.process.stdout.readline()
        assert said == b"ready\n", said + self.process.stdout.read()
        return self

    def __exit__(self, *exc):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def inside(self):
        """Words before a command that run it here."""
        kinds = [("net", "net"), ("mount", "mnt")] + ([] if IS_ROOT else [("user", "user")])
        return ["nsenter", *(f"--{name}=/proc/{self.process.pid}/ns/{file}" for name, file in kinds),
                *([] if IS_ROOT else ["--preserve-credentials"]), "--"]

    def listen(self, address, port=0):
        """A listening socket in here."""
        return self._socket(address, port, "stream")

    def datagrams(self, address, port):
        """A UDP socket in here."""
        return self._socket(address, port, "datagram")

    def _socket(self, address, port, kind):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run([*self.inside(), sys.executable, "-S", "-c", MAKE_AND_HAND_OVER, str(theirs.fileno()), address, str(port), kind],
                           pass_fds=[theirs.fileno()], check=True)
            return socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])
