"""A name server, as much of one as a resolver needs: A records of a table that tests may change, or no answer at all."""
import socket
import struct
import threading

A, TTL_S = 1, 300


class Names:
    """Use it with 'with'; takes the UDP socket. 'table' maps names to lists of addresses; None: it never answers. 'asked' has the names."""

    def __init__(self, channel, table):
        self.channel = channel
        self.table = table
        self.asked = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        # On Linux this wakes the receiver though nothing is connected, and says so.
        try:
            self.channel.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._thread.join()
        self.channel.close()

    def _serve(self):
        while True:
            question, sender = self.channel.recvfrom(4096)
            if not question:
                return
            name, kind, end = self._read(question)
            self.asked.append(name)
            if self.table is not None:
                self.channel.sendto(self._answer(question, self.table.get(name), kind, end), sender)

    @staticmethod
    def _read(question):
        """(name, type, where the question ends)."""
        labels, at = [], 12
        while question[at]:
            labels.append(question[at + 1:at + 1 + question[at]].decode())
            at += 1 + question[at]
        return ".".join(labels), struct.unpack_from("!H", question, at + 1)[0], at + 5

    @staticmethod
    def _answer(question, addresses, kind, end):
        records = [] if addresses is None or kind != A else addresses
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | (3 if addresses is None else 0), 1, len(records), 0, 0)
        return head + question[12:end] + b"".join(struct.pack("!HHHIH", 0xC00C, A, 1, TTL_S, 4) + socket.inet_aton(each) for each in records)
