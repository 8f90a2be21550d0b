"""Webhooks: what is posted, what counts as taken, and that the URL, which often is a secret, shows up nowhere."""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

import pytest
from misbehaving import answers, drips, serving
from real_servers import certificates, server_context
from sample_messages import ACK_URL, POLICY, a_notify

from domain.commands import Message, Notify
from domain.model import Policy, Secret
from notify import CHANNELS, Delivered, DeliveryError, Settings

PATH = "/hooks/s3cr3t-token"
Request = tuple[str, str, dict[str, str], bytes]


class Receiver(ThreadingHTTPServer):
    """Answers every request with ``status``; 0 never answers."""

    daemon_threads = True

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = status
        self.heard: list[Request] = []
        self.release = threading.Event()


class Handler(BaseHTTPRequestHandler):
    """A redirect that is followed as POST is heard; one that is followed as GET is answered 501 by the library."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.command, self.path, dict(self.headers.items()), body))
        if self.server.status == 0:
            self.server.release.wait(10)
            return
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        # an endless answer: whoever reads it never comes back
        with suppress(OSError):
            while self.server.status == 200 and not self.server.release.is_set():
                self.wfile.write(b"x" * 65536)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def receiver(status: int) -> Iterator[tuple[Receiver, Settings]]:
    with Receiver(status) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}{PATH}\n"
        try:
            yield (
                server,
                Settings(resolve=lambda secret: url, ack_url=lambda page: ACK_URL, webhook_timeout_s=0.5),
            )
        finally:
            server.release.set()
            server.shutdown()
            thread.join()


def page() -> Notify:
    return a_notify(Message.PAGE, "en", channel="webhook")


def post(settings: Settings, notifies: list[Notify] | None = None, policy: Policy = POLICY) -> Delivered:
    return CHANNELS["webhook"](notifies or [page()], policy, settings)


def test_what_is_posted() -> None:
    with receiver(204) as (server, settings):
        assert post(settings) == Delivered("HTTP 204")
    ((command, path, headers, body),) = server.heard
    assert (command, path) == ("POST", PATH)
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["Idempotency-Key"] == page().key
    document = json.loads(body)
    (message,) = document["messages"]
    assert message["incident"] == "INC-000123"
    assert message["level"] == 4
    assert message["ack_url"] == ACK_URL
    assert message["subject"] == "[火の見 Monitoring][PAGE][Lv.4] web01 (株式会社サンプル) HTTP is down"


def test_several_messages_are_one_post_in_their_order() -> None:
    """R9."""
    notifies = [replace(page(), key=f"k{number}") for number in range(3)]
    with receiver(204) as (server, settings):
        post(settings, notifies)
        post(settings, notifies)
    first, second = server.heard
    assert first[3] == second[3]
    document = json.loads(first[3])
    assert [message["key"] for message in document["messages"]] == ["k0", "k1", "k2"]
    assert first[2]["Idempotency-Key"] == document["key"]
    assert document["key"].startswith("digest/")


def test_an_endless_answer_is_not_read() -> None:
    with receiver(200) as (_, settings):
        assert post(settings).detail == "HTTP 200"


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        (302, True),
        (307, True),
        (400, True),
        (404, True),
        (410, True),
        (408, False),
        (425, False),
        (429, False),
        (500, False),
        (503, False),
    ],
)
def test_what_was_not_taken(status: int, permanent: bool) -> None:
    with (
        receiver(status) as (server, settings),
        pytest.raises(DeliveryError, match=f"webhook of operator-en: HTTP {status}") as caught,
    ):
        post(settings)
    assert caught.value.permanent is permanent  # and the status is its own: no redirect was followed
    assert len(server.heard) == 1


def test_silence_is_tried_again() -> None:
    with receiver(0) as (_, settings), pytest.raises(DeliveryError, match="ReadTimeout") as caught:
        post(settings)
    assert not caught.value.permanent


def test_a_receiver_that_drips_is_cut_off() -> None:
    with serving(drips(b"HTTP/1.1 100 Continue\r\n\r\n", 0.05)) as server:
        url = f"http://127.0.0.1:{server.port}{PATH}"
        with pytest.raises(DeliveryError, match=r"RemoteProtocolError|ReadError") as caught:
            post(Settings(resolve=lambda secret: url, webhook_timeout_s=0.2))
    assert not caught.value.permanent


def test_a_certificate_of_nobody_that_is_trusted_gets_nothing(tmp_path: Path) -> None:
    tls = server_context(certificates(tmp_path).good)
    with (
        serving(answers(b"HTTP/1.1 204 No Content\r\n\r\n"), tls=tls) as server,
        pytest.raises(DeliveryError, match="ConnectError") as caught,
    ):
        post(Settings(resolve=lambda secret: f"https://127.0.0.1:{server.port}{PATH}"))
    assert not caught.value.permanent


def test_nobody_listens() -> None:
    with receiver(204) as (_, settings):
        pass
    with pytest.raises(DeliveryError, match="ConnectError") as caught:
        post(settings)
    assert not caught.value.permanent


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/s3cr3t-token", "s3cr3t-token", "http://"])
def test_what_is_no_web_address_is_refused_for_good(url: str) -> None:
    with pytest.raises(DeliveryError, match="not an http or https URL") as caught:
        post(Settings(resolve=lambda secret: url))
    assert caught.value.permanent
    assert "s3cr3t-token" not in str(caught.value)


@pytest.mark.parametrize("kind", ["env", "file"])
def test_a_secret_that_cannot_be_read(kind: Literal["env", "file"]) -> None:
    """A file may be there the next time; the environment of a process stays as it is, so that operators hear of it at once."""

    def unreadable(secret: Secret) -> str:
        raise ValueError(f"{secret.kind} {secret.name} is not to be had")

    operator = replace(POLICY.operators["operator-en"], webhook=Secret(kind, "HOOK"))
    with pytest.raises(DeliveryError, match=f"{kind} HOOK is not to be had") as caught:
        post(Settings(resolve=unreadable), policy=replace(POLICY, operators={"operator-en": operator}))
    assert (caught.value.permanent, caught.value.of_recipient) == (kind == "env", kind == "env")


def test_an_operator_without_webhook() -> None:
    policy = replace(POLICY, operators={"operator-en": replace(POLICY.operators["operator-en"], webhook=None)})
    with pytest.raises(DeliveryError, match="operator-en has no webhook") as caught:
        post(Settings(resolve=lambda secret: ""), policy=policy)
    assert caught.value.permanent


@pytest.mark.parametrize("status", [204, 302, 500, 0])
def test_the_url_is_in_no_log_and_no_error(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = ""
    with receiver(status) as (_, settings):
        try:
            post(settings)
        except DeliveryError as error:
            said = f"{error!r} {error.__cause__!r}"
    assert "s3cr3t-token" not in caplog.text + said
