"""Targets for measurements: the smallest servers there can be, each in a process of its own whose CPU time nobody counts.

They listen on every address of 127.0.0.0/8, so that one server is as many hosts as a measurement wants.
"""

import multiprocessing
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

BANNER = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"
NEEDLE = "needle"
PAGE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n"
    b'Content-Length: 600\r\nETag: "x"\r\nConnection: close\r\n\r\n' + b"." * 594 + NEEDLE.encode()
)


def hosts(count: int) -> list[str]:
    """Addresses that all lead here; 65,536 of them at most."""
    return [f"127.{1 + number // 62_500}.{number // 250 % 250}.{1 + number % 250}" for number in range(count)]


@contextmanager
def banner() -> Iterator[int]:
    """Says its banner at once; its port."""
    with _streaming(BANNER, first=True) as port:
        yield port


@contextmanager
def page() -> Iterator[int]:
    """One page, whatever is asked for; its port."""
    with _streaming(PAGE, first=False) as port:
        yield port


@contextmanager
def _streaming(data: bytes, *, first: bool) -> Iterator[int]:
    with socket.create_server(("", 0), backlog=4096) as listener:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        with apart(lambda: _serve(listener, data, first)):
            yield listener.getsockname()[1]


@contextmanager
def apart(serve: Callable[[], None]) -> Iterator[None]:
    """In a process of its own, until the end of the block."""
    server = multiprocessing.get_context("fork").Process(target=serve, daemon=True)
    server.start()
    try:
        yield
    finally:
        server.kill()
        server.join()


def _serve(listener: socket.socket, data: bytes, first: bool) -> None:
    """One answer for each connection."""
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    held: dict[int, socket.socket] = {}

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
                if first:
                    connection.send(data)
            except BlockingIOError:
                return
            except ConnectionError:  # gone before it was greeted
                continue
            held[connection.fileno()] = connection
            poll.register(connection, select.EPOLLIN)

    def answer(number: int) -> None:
        connection = held.pop(number)
        try:
            if connection.recv(4096) and not first:
                connection.send(data)
        except ConnectionError:
            pass
        connection.close()

    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                accept()
            else:
                answer(number)
