"""The SMTP sink keeps what it is sent, in order, byte for byte below the envelope."""

import email
import email.policy
import smtplib
import subprocess
import sys
from pathlib import Path

from bed.process import free_port, wait_for
from bed.sink import Sink

REPOSITORY = Path(__file__).parents[2]
HEADER = "Subject: =?utf-8?b?6Zqc5a6z?=\r\nTo: noc@example.test\r\nContent-Type: text/plain; charset=utf-8\r\n"
MAIL = f"{HEADER}\r\nweb01 に障害\r\n".encode()


def test_mails_are_kept_in_order_with_their_envelope(sink: Sink) -> None:
    with smtplib.SMTP(sink.host, sink.port, timeout=10) as client:
        client.sendmail("a@example.test", ["noc@example.test", "x@example.test"], MAIL)
        client.sendmail("b@example.test", ["noc@example.test"], b"Subject: two\r\n\r\n.\r\n")
    first, second = sink.wait_for(2)
    assert first == b"Return-Path: <a@example.test>\r\nX-Original-To: noc@example.test\r\nX-Original-To: x@example.test\r\n" + MAIL
    assert second.endswith(b"Subject: two\r\n\r\n.\r\n")


def test_the_command_shows_each_mail(tmp_path: Path) -> None:
    port = free_port()
    argv = [sys.executable, "-m", "bed", "sink", "--port", str(port), "--dir", str(tmp_path), "--show"]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as server:

        def delivered() -> bool:
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
                    client.sendmail("a@example.test", ["noc@example.test"], MAIL)
            except ConnectionRefusedError:
                return False
            return True

        wait_for(delivered, "the sink to take a mail", 20)
        server.terminate()
        assert server.stdout is not None
        shown = server.stdout.read()
    assert "障害 → noc@example.test" in shown
    assert "web01 に障害" in shown
    assert email.message_from_bytes((tmp_path / "0001.eml").read_bytes(), policy=email.policy.default)["subject"] == "障害"
