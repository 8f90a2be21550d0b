"""Handing mails to an MTA: taken, refused for good, or not now. Real sockets; a scripted server where an MTA must misbehave."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from misbehaving import drips, serving
from sample_messages import POLICY, a_notify

from bed.sink import Sink
from bed.tls import Authority
from notify.channel import DeliveryError, SmtpSettings
from notify.mail import compose
from notify.smtp import deliver

GOOD = {
    "greeting": "220 mx",
    "EHLO": "250 mx",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go",
    ".": "250 2.0.0 queued as 4F1",
    "QUIT": "221 bye",
}
SILENCE = ""
HANG_UP = "hang up"


@contextmanager
def scripted(answers: Mapping[str, str]) -> Iterator[tuple[SmtpSettings, list[str]]]:
    """An MTA that answers each command as told; also what it heard."""
    script, heard = GOOD | dict(answers), list[str]()

    def answer(connection: socket.socket, step: str) -> bool:
        said = script[step]
        if said == HANG_UP:
            return False
        if said != SILENCE:
            connection.sendall(f"{said}\r\n".encode())
        return True

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                going, in_data = answer(connection, "greeting"), False
                while going and (line := lines.readline()):
                    text = line.decode().rstrip("\r\n")
                    heard.append(text)
                    if in_data and text != ".":
                        continue
                    step = "." if in_data else text.split(" ")[0].upper()
                    in_data = step == "DATA" and script["DATA"].startswith("354")
                    going = answer(connection, step)

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield SmtpSettings(port=listener.getsockname()[1], timeout_s=0.5), heard
    finally:
        listener.close()
        thread.join()


@pytest.fixture
def mail() -> EmailMessage:
    return compose(a_notify(), POLICY)


def test_a_mail_arrives_as_it_was_composed(sink: Sink, mail: EmailMessage) -> None:
    delivered = deliver(mail, SmtpSettings(port=sink.port))
    (kept,) = sink.wait_for(1)
    assert kept.partition(b"\r\nX-Original-To: customer@example.test\r\n")[2] == mail.as_bytes()
    assert kept.startswith(b"Return-Path: <alert@example.test>")
    assert delivered.detail == "250 2.0.0 kept"


def test_what_the_mta_said_is_kept(mail: EmailMessage) -> None:
    with scripted({}) as (settings, heard):
        assert deliver(mail, settings).detail == "250 2.0.0 queued as 4F1"
    assert [line.replace("mail", "MAIL").replace("rcpt", "RCPT").replace("data", "DATA") for line in heard[:4]] == [
        "ehlo example.test",
        "MAIL FROM:<alert@example.test>",
        "RCPT TO:<customer@example.test>",
        "DATA",
    ]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize(("code", "permanent"), [(550, True), (554, True), (421, False), (451, False)])
def test_refusals_of_this_mail(mail: EmailMessage, step: str, code: int, permanent: bool) -> None:
    with (
        scripted({step: f"{code} no, because"}) as (settings, _),
        pytest.raises(DeliveryError, match=f"{code} no, because") as caught,
    ):
        deliver(mail, settings)
    assert caught.value.permanent is permanent


@pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("answer", [SILENCE, HANG_UP])
def test_an_mta_that_falls_silent_or_hangs_up_is_tried_again(mail: EmailMessage, step: str, answer: str) -> None:
    with scripted({step: answer}) as (settings, _), pytest.raises(DeliveryError) as caught:
        deliver(mail, settings)
    assert not caught.value.permanent


@pytest.mark.parametrize("answers", [{"greeting": "554 not here"}, {"EHLO": "502 what", "HELO": "502 what"}])
def test_an_mta_that_serves_nobody_is_tried_again(mail: EmailMessage, answers: dict[str, str]) -> None:
    with scripted(answers) as (settings, _), pytest.raises(DeliveryError, match=r"127\.0\.0\.1:.* (554|502) ") as caught:
        deliver(mail, settings)
    assert not caught.value.permanent


@pytest.mark.parametrize("answer", ["500 what", HANG_UP, SILENCE])
def test_how_the_mta_takes_leave_changes_nothing(mail: EmailMessage, answer: str) -> None:
    with scripted({"QUIT": answer}) as (settings, _):
        assert deliver(mail, settings).detail == "250 2.0.0 queued as 4F1"


def test_an_mta_whose_greeting_never_ends_is_cut_off(mail: EmailMessage) -> None:
    with serving(drips(b"220-wait\r\n", 0.05)) as server, pytest.raises(DeliveryError, match="closed") as caught:
        deliver(mail, SmtpSettings(port=server.port, timeout_s=0.1))
    assert not caught.value.permanent


def test_nobody_listens(mail: EmailMessage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeliveryError, match=rf"MTA 127\.0\.0\.1:{port}: .*refused") as caught:
        deliver(mail, SmtpSettings(port=port))
    assert not caught.value.permanent


class Kept:
    """aiosmtpd's handler: keeps what came, and whether it came over TLS."""

    def __init__(self) -> None:
        self.mails: list[tuple[bool, bytes]] = []

    async def handle_DATA(self, _server: object, session: object, envelope: object) -> str:  # noqa: N802  # aiosmtpd's name
        self.mails.append((getattr(session, "ssl", None) is not None, getattr(envelope, "original_content", b"")))
        return "250 kept"


@contextmanager
def mta_with_tls(folder: Path, issued_for: str) -> Iterator[tuple[Kept, Controller, Path]]:
    import ssl

    authority = Authority(folder)
    certificate, key = authority.issue("mx", [issued_for])
    (folder / "mx.pem").write_bytes(certificate + key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "mx.pem")
    kept = Kept()
    controller = Controller(kept, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True)
    # the library connects to the port it was told, and so cannot take a free one by itself
    with socket.create_server(("127.0.0.1", 0)) as listener:
        controller.port = listener.getsockname()[1]
    controller.start()
    try:
        yield kept, controller, authority.ca_file
    finally:
        controller.stop()


def test_starttls_checks_the_certificate(mail: EmailMessage, tmp_path: Path) -> None:
    with mta_with_tls(tmp_path, "127.0.0.1") as (kept, controller, ca_file):
        deliver(mail, SmtpSettings(port=controller.port, starttls=True, ca_file=str(ca_file)))
        assert kept.mails == [(True, mail.as_bytes())]
        with pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED") as caught:
            deliver(mail, SmtpSettings(port=controller.port, starttls=True))
        assert not caught.value.permanent


def test_a_certificate_for_another_host_is_refused(mail: EmailMessage, tmp_path: Path) -> None:
    with mta_with_tls(tmp_path, "192.0.2.1") as (kept, controller, ca_file):
        with pytest.raises(DeliveryError, match=r"not valid for '127\.0\.0\.1'"):
            deliver(mail, SmtpSettings(port=controller.port, starttls=True, ca_file=str(ca_file)))
        assert kept.mails == []


def test_no_starttls_where_it_was_asked_for_sends_nothing_in_the_clear(sink: Sink, mail: EmailMessage) -> None:
    with pytest.raises(DeliveryError, match="STARTTLS") as caught:
        deliver(mail, SmtpSettings(port=sink.port, starttls=True))
    assert not caught.value.permanent
    assert sink.mails() == []
