"""An HTTP proxy that knows CONNECT only: what goes through it is TLS."""
import http.server
import select
import socket
import threading


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self):
        self.server.asked.append((self.path, self.headers.get("Proxy-Authorization")))
        _, port = self.path.rsplit(":", 1)
        with socket.create_connection(("127.0.0.1", int(port))) as target:
            self.send_response(200, "Connection established")
            self.end_headers()
            self.close_connection = True
            ends = {self.connection: target, target: self.connection}
            while True:
                for side in select.select(list(ends), [], [])[0]:
                    part = side.recv(65536)
                    if not part:
                        return
                    ends[side].sendall(part)

    def log_message(self, *args):
        pass


class Tunnel:
    """Use it with 'with'. Whatever host is asked for, loopback is where it leads; 'asked' has (host:port, Proxy-Authorization)."""

    def __init__(self):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self._server.asked = self.asked = []
        self._server.handle_error = lambda request, address: None  # the other end went away
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"
