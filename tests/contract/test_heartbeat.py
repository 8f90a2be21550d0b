"""The dead-man's switch: beats while all is well, and only then; who waits for it may be away."""

import http.server
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from engine.heartbeat import beat, tell


@contextmanager
def waiting(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """Somebody outside; its URL, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the test's terminal."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/4f1a?from=hikeshi", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("well", "beats"), [(True, ["/4f1a?from=hikeshi"]), (False, [])])
def test_it_beats_while_all_is_well(well: bool, beats: list[str]) -> None:
    stop = threading.Event()
    stop.set()
    with waiting() as (url, asked):
        beat(url, lambda: well, stop)
    assert asked == beats


@pytest.mark.parametrize(("status", "words"), [(500, "answered with 500"), (302, "answered with 302"), (None, "ConnectError")])
def test_who_does_not_take_it_is_logged_without_the_url(status: int | None, words: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    with httpx.Client() as client:
        if status is None:
            assert not tell(client, "http://127.0.0.1:1/4f1a")
        else:
            with waiting(status) as (url, _):
                assert not tell(client, url)
    assert words in caplog.text
    assert "4f1a" not in caplog.text
