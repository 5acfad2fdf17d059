"""A server that listens on loopback and answers by a script, byte for byte."""

import contextlib
import socket
import threading

import pytest

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Scripted:
    """Answers request after request: `script(number)` gives a list of bytes to send and whether to close then."""

    def __init__(self, script=lambda number: ([OK], False)):
        self.script = script
        self.requests = []
        self.connections = 0
        self._lock = threading.Lock()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()
        self._threads = []

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._answer, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _answer(self, connection):
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as stream:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (head := self._head(stream)) is not None:
                with self._lock:
                    number = len(self.requests)
                    self.requests.append(head)
                parts, close = self.script(number)
                for part in parts:
                    connection.sendall(part)
                if close:
                    return

    def _head(self, stream):
        lines = []
        while line := stream.readline().strip():
            lines.append(line)
        if not lines:
            return None
        lengths = (int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
        length = next(lengths, 0)
        return lines, stream.read(length)

    def close(self):
        # A thread that waits in accept is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in (self._thread, *self._threads):
            thread.join(30)


@pytest.fixture
def scripted():
    with contextlib.ExitStack() as started:

        def start(*script):
            server = Scripted(*script)
            started.callback(server.close)
            return server

        yield start
