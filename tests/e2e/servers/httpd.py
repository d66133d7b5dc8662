"""An HTTP/1.1 server in a thread of the tests: remembers what it was asked, and answers by a rule that a test can interrupt."""
import contextlib
import http.server
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, field

from jobs import DATA, wait_until

READ_S = 30  # an idle connection of a client that is gone
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close that sends RST and drops what was not sent


@dataclass
class Request:
    method: str
    target: str  # path and query as they stood on the wire
    headers: object  # as http.client.HTTPMessage: names in any case
    body: bytes
    peer: tuple = None  # address and port of the connection's other end
    at: float = 0.0  # when it was read, on the monotonic clock

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def range(self):
        """(first, last) of its Range; None without one, last is None where it is open."""
        if self.headers.get("range") is None:
            return None
        first, last = self.headers["range"].removeprefix("bytes=").split("-")
        return int(first), int(last) if last else None


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    cut_after: int = None  # so many bytes of the body, then the connection ends
    stall_after: int = None  # so many bytes of the body, then nothing until the server is stopped
    no_length: bool = False  # the body ends when the connection does
    reset: bool = False  # with cut_after: the connection is reset, not closed
    length: int = None  # what Content-Length says instead of the truth; the connection ends behind the body
    pace: tuple = None  # (bytes, seconds): so many bytes, so long a pause, and again
    endless: bytes = None  # sent over and over behind the status line, so that the head never ends


def wire(name):
    """A reply of tests/data/aws: wire("s3/error-503-slowdown")."""
    head, body = (DATA / "aws" / f"{name}.http").read_bytes().split(b"\n\n", 1)
    start, *lines = head.decode().split("\n")
    headers = dict(line.split(": ", 1) for line in lines)
    headers.pop("Content-Length", None)
    headers.pop("Date", None)
    return Reply(int(start.split()[1]), body, headers)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, owner, listener):
        super().__init__(("127.0.0.1", 0), _Handler, bind_and_activate=listener is None)
        self.owner = owner
        if listener is not None:
            self.socket.close()
            self.socket = listener
            self.server_address = listener.getsockname()

    def shutdown_request(self, request):
        """As always, but a socket that shall be reset is only closed: a shutdown would say goodbye first."""
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET)) == RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request, client_address):
        """A client that went away is no news; everything else is a mistake of a test's rule, and must be seen."""
        if not isinstance(sys.exc_info()[1], OSError):
            self.owner.mistakes.append(repr(sys.exc_info()[1]))


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = READ_S

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        owner = self.server.owner
        request = Request(self.command, self.requestline.split(" ")[1], self.headers, self.rfile.read(length), self.client_address,
                          time.monotonic())
        with owner.serving():
            self._send(owner.decide(request), owner)

    do_GET = do_PUT = do_POST = do_HEAD = _serve

    def _send(self, reply, owner):
        self.send_response(reply.status)
        while reply.endless is not None and not owner.closing.is_set():
            self.flush_headers()
            self.wfile.write(reply.endless)
            owner.closing.wait(reply.pace[1] if reply.pace is not None else 0)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.no_length:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        ends = reply.no_length or reply.length is not None or reply.cut_after is not None or reply.stall_after is not None
        if ends:
            self.send_header("Connection", "close")
        self.end_headers()
        short = reply.cut_after if reply.cut_after is not None else reply.stall_after
        if self.command != "HEAD":
            self._send_body(reply.body if short is None else reply.body[:short], reply.pace, owner)
        self.wfile.flush()
        if reply.stall_after is not None:
            owner.stalled.set()
            owner.closing.wait()
        if reply.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.close_connection = self.close_connection or ends

    def _send_body(self, body, pace, owner):
        if pace is None:
            self.wfile.write(body)
            return
        piece, pause_s = pace
        for at in range(0, len(body), piece):
            self.wfile.write(body[at:at + piece])
            if owner.closing.wait(pause_s):
                return

    def log_message(self, *args):
        pass


class Httpd:
    """Use it with 'with'. Subclasses say what is right in answer(); 'script' holds what shall happen first.

    'rule', a function as one of the script's, has a say in each request behind the script.
    An element of 'script' is a Reply, sent instead of asking answer(), or a function of the request and its right reply, which gives
    the reply that is sent. Each stands for one request.
    """

    def __init__(self, listener=None):
        self._server = _Server(self, listener)
        self.port = self._server.server_address[1]
        self.requests = []
        self.script = []
        self.rule = None
        self.mistakes = []
        self.stalled = threading.Event()
        self.closing = threading.Event()
        self.open = self.most_open = 0  # requests being answered
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if exc[0] is None:
            assert not self.mistakes, self.mistakes

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request):
        raise NotImplementedError

    def decide(self, request):
        with self._lock:
            self.requests.append(request)
            step = self.script.pop(0) if self.script else self.rule
        if isinstance(step, Reply):
            return step
        reply = self.answer(request)
        return reply if step is None else step(request, reply)

    @contextlib.contextmanager
    def serving(self):
        """Counts a request while it is answered."""
        with self._lock:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
        try:
            yield
        finally:
            with self._lock:
                self.open -= 1

    def wait_until_stalled(self):
        wait_until(self.stalled.is_set, "a request that stalls")


def cut(after):
    """For a script: the right reply, cut after so many bytes of its body."""
    def step(request, reply):
        reply.cut_after = after
        return reply
    return step


def stall(after=0):
    """For a script: the right reply, of which no more than so many bytes ever come."""
    def step(request, reply):
        reply.stall_after = after
        return reply
    return step


def pace(piece=65536, pause_s=0.004):
    """For a rule: the right reply, slowly."""
    def step(request, reply):
        reply.pace = (piece, pause_s)
        return reply
    return step


def once(condition, step, otherwise=None, times=1):
    """For a rule: 'step' for the first requests (one, or so many) for which 'condition' holds, 'otherwise' for all others."""
    lock, left = threading.Lock(), [times]

    def rule(request, reply):
        with lock:
            mine = left[0] > 0 and condition(request)
            left[0] -= mine
        if mine:
            return step(request, reply) if callable(step) else step
        return otherwise(request, reply) if otherwise is not None else reply
    return rule
