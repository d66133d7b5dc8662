"""An HTTP/1.1 server in a thread of the tests: remembers what it was asked, and answers by a rule that a test can interrupt."""
import http.server
import sys
import threading
from dataclasses import dataclass, field

from jobs import DATA, wait_until

READ_S = 30  # an idle connection of a client that is gone


@dataclass
class Request:
    method: str
    target: str  # path and query as they stood on the wire
    headers: object  # as http.client.HTTPMessage: names in any case
    body: bytes

    @property
    def path(self):
        return self.target.partition("?")[0]


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    cut_after: int = None  # so many bytes of the body, then the connection ends
    stall_after: int = None  # so many bytes of the body, then nothing until the server is stopped
    no_length: bool = False  # the body ends when the connection does


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
        request = Request(self.command, self.requestline.split(" ")[1], self.headers, self.rfile.read(length))
        reply = owner.decide(request)
        self._send(reply, owner)

    do_GET = do_PUT = do_POST = do_HEAD = _serve

    def _send(self, reply, owner):
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.no_length:
            self.send_header("Content-Length", str(len(reply.body)))
        ends = reply.no_length or reply.cut_after is not None or reply.stall_after is not None
        if ends:
            self.send_header("Connection", "close")
        self.end_headers()
        short = reply.cut_after if reply.cut_after is not None else reply.stall_after
        if self.command != "HEAD":
            self.wfile.write(reply.body if short is None else reply.body[:short])
        self.wfile.flush()
        if reply.stall_after is not None:
            owner.stalled.set()
            owner.closing.wait()
        self.close_connection = self.close_connection or ends

    def log_message(self, *args):
        pass


class Httpd:
    """Use it with 'with'. Subclasses say what is right in answer(); 'script' holds what shall happen first.

    An element of 'script' is a Reply, sent instead of asking answer(), or a function of the request and its right reply, which gives
    the reply that is sent. Each stands for one request.
    """

    def __init__(self, listener=None):
        self._server = _Server(self, listener)
        self.port = self._server.server_address[1]
        self.requests = []
        self.script = []
        self.mistakes = []
        self.stalled = threading.Event()
        self.closing = threading.Event()
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
            step = self.script.pop(0) if self.script else None
        if isinstance(step, Reply):
            return step
        reply = self.answer(request)
        return reply if step is None else step(request, reply)

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
