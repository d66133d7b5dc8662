"""A TCP proxy that ends its first connections after so many bytes from the server; the later ones pass whole. TLS goes through unread."""
import contextlib
import socket
import threading


class Cutter:
    """Use it with 'with'. 'after' has a number of bytes for each connection that is cut, in their order."""

    def __init__(self, port, after):
        self.target = port
        self.after = list(after)
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        # A shutdown wakes the accept; a close alone does not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            left = self.after[self.connections] if self.connections < len(self.after) else None
            self.connections += 1
            server = socket.create_connection(("127.0.0.1", self.target))
            threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, left), daemon=True).start()

    @staticmethod
    def _pass(source, sink, left):
        """Bytes from one side to the other until either ends or none are left to pass; then both are closed."""
        with contextlib.suppress(OSError):
            while left is None or left > 0:
                part = source.recv(65536 if left is None else min(left, 65536))
                if not part:
                    break
                sink.sendall(part)
                left = None if left is None else left - len(part)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
