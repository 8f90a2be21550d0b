"""What a check costs, all in: the driver, the probe and the system, against a small server of its own on loopback.

The limits are a third of what blackbox_exporter takes on a machine of two cores (357 µs a banner, 588 µs a page, 345 µs a ping).
"""

import multiprocessing
import select
import socket
import time
from collections.abc import Iterator

from bench import Figure
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Talk, Target
from store.clock import SystemClock
from watch.driver import Driver

LOOKS = 6000
AT_ONCE = 200
PAGE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n"
    b'Content-Length: 600\r\nETag: "x"\r\nConnection: close\r\n\r\n' + b"." * 594 + b"needle"
)


def serve(listener: socket.socket, data: bytes, first: bool) -> None:
    """One answer for each connection, as cheaply as can be."""
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    held: dict[int, socket.socket] = {}
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                connection, _ = listener.accept()
                if first:
                    connection.send(data)
                held[connection.fileno()] = connection
                poll.register(connection, select.EPOLLIN)
            else:
                connection = held[number]
                if connection.recv(4096) and not first:
                    connection.send(data)
                held.pop(number).close()


def figures() -> Iterator[Figure]:
    for kind, data, first, limit_us in (("ssh", b"SSH-2.0-x\r\n", True, 119.0), ("url", PAGE, False, 196.0)):
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        server = multiprocessing.Process(target=serve, args=(listener, data, first), daemon=True)
        server.start()
        port = listener.getsockname()[1]
        options: dict[str, object] = {"port": port}
        if kind == "url":
            options = {"url": f"http://127.0.0.1:{port}/", "redirects": 0, "contains": "needle"}
        yield _figure(kind, options, limit_us)
        server.kill()
        server.join()
        listener.close()
    yield _figure("ping", {}, 115.0)


def _figure(kind: str, options: dict[str, object], limit_us: float) -> Figure:
    spent_us = _cpu_s(kind, options) / LOOKS * 1e6
    return Figure(f"a {kind} check", spent_us, limit_us, "µs", f"{1000 / spent_us:.1f}k per CPU-second, user and system")


def _cpu_s(kind: str, options: dict[str, object]) -> float:
    spec = PROBES[kind]
    way = spec.way
    if not isinstance(way, Talk):
        raise SystemExit(f"{kind} is no dialogue")
    target = Target("127.0.0.1", spec.complete(options), str)
    driver = Driver(SystemClock(), at_once=AT_ONCE)
    seen: list[Observation] = []
    begun_s = time.process_time()
    for _ in range(LOOKS):
        driver.look(lambda: way.start(target), 10.0, seen.append)
    while len(seen) < LOOKS:
        driver.turn(0.05)
    spent_s = time.process_time() - begun_s
    driver.close()
    bad = [one for one in seen if one.verdict is not Verdict.UP]
    if bad:
        raise SystemExit(f"{kind}: {len(bad)} looks failed, the first with: {bad[0].detail}")
    return spent_s
