"""Why HTTP/1.1 is read by code of our own (``probes/http_message.py``): CPU time of one exchange against the same in h11."""

import time
from collections.abc import Callable, Iterator

import h11

from bench import Figure
from domain.observation import Observation, up
from probes.conversation import Conversation
from probes.http_message import get, response
from probes.option import Url
from probes.spec import Connect, Dialogue, Read, Send

LIMIT = 0.5
EXCHANGES = 2_000
ROUNDS = 5
BODY = b"<p>It works.</p>\n" * 32
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: nginx\r\nContent-Type: text/html; charset=utf-8\r\n"
    b"Content-Length: %d\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: close\r\nAccept-Ranges: bytes\r\n\r\n%s"
) % (len(BODY), BODY)
URL = Url(tls=False, host="192.0.2.1", port=80, target="/")


def _dialogue() -> Dialogue:
    yield Connect("192.0.2.1", 80)
    yield Send(get(URL, "192.0.2.1"))
    yield from response(65_536)
    return up()


def _ours() -> None:
    """From the request's bytes to the whole body, driven as the watcher drives it."""
    conversation = Conversation(_dialogue())
    step = conversation.begin()
    while not isinstance(step, Observation):
        step = conversation.fed(ANSWER) if isinstance(step, Read) else conversation.done()


def _h11() -> None:
    client = h11.Connection(h11.CLIENT)
    headers = [("Host", "192.0.2.1"), ("User-Agent", "hikeshi"), ("Accept", "*/*"), ("Accept-Encoding", "identity")]
    client.send(h11.Request(method="GET", target="/", headers=[*headers, ("Connection", "close")]))
    client.send(h11.EndOfMessage())
    client.receive_data(ANSWER)
    while not isinstance(client.next_event(), h11.EndOfMessage):
        pass


def _us(exchange: Callable[[], None]) -> float:
    began_s = time.process_time()
    for _ in range(EXCHANGES):
        exchange()
    return (time.process_time() - began_s) / EXCHANGES * 1e6


def figures() -> Iterator[Figure]:
    rounds = [(_us(_ours), _us(_h11)) for _ in range(ROUNDS)]
    ours_us, h11_us = min(ours for ours, _ in rounds), min(other for _, other in rounds)
    how = f"CPU: {ours_us:.1f} µs, h11 {h11_us:.1f} µs; GET, 7 headers, {len(BODY)} bytes; best of {ROUNDS} x {EXCHANGES}"
    yield Figure("an HTTP exchange, of h11's time", ours_us / h11_us, LIMIT, "x", how)
