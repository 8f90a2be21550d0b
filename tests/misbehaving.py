"""A TCP server that does what real ones do on their worst days. Listens on a free port; each connection gets the same treatment.

And one that is asked by datagrams, each of which it answers as a test says.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

Treatment = Callable[[socket.socket], None]
Answers = Callable[[socket.socket, bytes, tuple[str, int]], None]


class Server:
    """``port`` is where it listens; ``received`` collects what clients sent, as far as the treatment reads it."""

    def __init__(self, treat: Treatment, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.address, self._treat, self._tls = address, treat, tls
        self.stopped = threading.Event()
        self._listener = socket.create_server((address, 0), family=family, backlog=100)
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        while not self.stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # closed by stop()
            self.connections += 1
            thread = threading.Thread(target=self._one, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError):  # the client hung up on us: what else should it do
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            self._treat(connection)
        connection.close()

    def stop(self) -> None:
        self.stopped.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)


@contextmanager
def serving(treat: Treatment, address: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(treat, address, tls)
    try:
        yield server
    finally:
        server.stop()


def silent(connection: socket.socket) -> None:
    """Takes the connection, reads, says nothing, until the client goes."""
    while connection.recv(65_536):
        pass


def closes_at_once(connection: socket.socket) -> None:
    """Hangs up in order."""


def resets(connection: socket.socket) -> None:
    """Hangs up with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def endless(connection: socket.socket) -> None:
    """Sends without a line end, for as long as somebody takes it."""
    piece = b"A" * 65_536
    while True:
        connection.sendall(piece)


def says(data: bytes, then: Treatment = closes_at_once) -> Treatment:
    """Sends this at once, whatever it is asked."""

    def treat(connection: socket.socket) -> None:
        connection.sendall(data)
        then(connection)

    return treat


def answers(data: bytes, then: Treatment = closes_at_once) -> Treatment:
    """Waits for the client to speak first (one piece), then sends this."""

    def treat(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(data)
        then(connection)

    return treat


def drips(data: bytes, pause_s: float, times: int = 10_000) -> Treatment:
    """Sends a little all the time, so that a timeout per read would never end."""

    def treat(connection: socket.socket) -> None:
        connection.settimeout(pause_s)
        for _ in range(times):
            connection.sendall(data)
            with suppress(TimeoutError):
                if not connection.recv(65_536):
                    return

    return treat


@contextmanager
def answering(answers: Answers, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A UDP server on this or a free port, which this yields; what it is sent is given to ``answers``."""
    served = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    served.bind((address, port))

    def serve() -> None:
        with suppress(OSError):
            while asked := served.recvfrom(2048):
                if asked[0] == b"stop":
                    return
                answers(served, *asked)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield served.getsockname()[1]
    finally:
        served.sendto(b"stop", served.getsockname())
        thread.join(5)
        served.close()


def repeats(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
    served.sendto(data, asker)


def says_nothing(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
    pass


def floods(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
    for _ in range(20_000):
        served.sendto(b"x" * 1000, asker)


def closed_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((address, 0))
        return int(taken.getsockname()[1])


def free_of_all() -> int:
    """A port that is free for TCP and UDP, over IPv4 and IPv6, a moment ago."""
    while True:
        with ExitStack() as held, suppress(OSError):
            port = 0
            for family, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
                for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                    sock = held.enter_context(socket.socket(family, kind))
                    if family == socket.AF_INET6:
                        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    sock.bind((every, port))
                    port = int(sock.getsockname()[1])
            return port
