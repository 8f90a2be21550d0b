"""What each probe says, and makes of an answer, without sockets (C10-C13, C33)."""

import pytest
from probe_talk import EOF, Talk, look, talk

from domain.observation import Verdict
from probes.spec import Connect, Echo, StartTls, Tls

GREETING = b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"


def verdict(done: Talk) -> Verdict:
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.verdict


def detail(done: Talk) -> str:
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.detail


class TestPing:
    def test_an_echo_of_64_bytes_that_is_answered_is_up(self) -> None:
        done = talk(look("ping", {}, "2001:db8::1"))
        assert done.wishes == [Echo("2001:db8::1", 64)]
        assert verdict(done) is Verdict.UP


class TestSsh:
    def test_the_identification_string_is_up_and_its_evidence(self) -> None:
        done = talk(look("ssh", {"port": 2222}), [GREETING])
        assert done.wishes[0] == Connect("192.0.2.1", 2222, None)
        assert verdict(done) is Verdict.UP
        assert detail(done) == '"SSH-2.0-OpenSSH_9.2p1 Debian-2"'

    def test_lines_before_it_are_allowed(self) -> None:
        """RFC 4253 4.2."""
        assert verdict(talk(look("ssh", {}), [b"Authorised use only\r\n\r\n", GREETING])) is Verdict.UP

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ([b"SSH-2.0-Open", EOF], "closed the connection before its SSH identification string"),
            ([b"SSH-1.5-old\n"], 'speaks no SSH version 2: "SSH-1.5-old"'),
            ([b"220 mail\r\n" * 60], "no SSH identification string within 50 lines"),
            ([b"x" * 2000], "its SSH identification string is longer than 1024 bytes"),
        ],
    )
    def test_anything_else_is_down(self, sent: list[bytes], words: str) -> None:
        done = talk(look("ssh", {}), sent)
        assert verdict(done) is Verdict.DOWN
        assert detail(done) == words

    def test_control_characters_of_a_peer_stay_out_of_our_words(self) -> None:
        assert detail(talk(look("ssh", {}), [b"SSH-2.0-\x1b[31m\xff\n"])) == '"SSH-2.0-?[31m?"'


class TestTcp:
    @pytest.mark.parametrize(
        ("port", "tls"), [(25, None), (465, "implicit"), (993, "implicit"), (995, "implicit"), (8443, "implicit")]
    )
    def test_tls_where_the_port_implies_it(self, port: int, tls: str | None) -> None:
        """C13."""
        done = talk(look("tcp", {"port": port}))
        assert done.wishes == [Connect("192.0.2.1", port, Tls("192.0.2.1", verify=False) if tls else None)]
        assert verdict(done) is Verdict.UP

    def test_the_option_overrules_the_port(self) -> None:
        assert talk(look("tcp", {"port": 993, "tls": "none"})).wishes == [Connect("192.0.2.1", 993, None)]

    def test_a_server_name_means_that_the_certificate_is_judged(self) -> None:
        done = talk(look("tcp", {"port": 993, "server_name": "Imap.Example.com", "ca_file": "/ca.pem"}))
        assert done.wishes == [Connect("192.0.2.1", 993, Tls("imap.example.com", verify=True, ca_file="/ca.pem"))]

    def test_submission_is_upgraded_by_starttls(self) -> None:
        """C13, RFC 3207."""
        done = talk(look("tcp", {"port": 587}), [b"220-hello\r\n220 mail\r\n", b"250-mail\r\n250 STARTTLS\r\n", b"220 go\r\n"])
        assert done.sent == b"EHLO [127.0.0.1]\r\nSTARTTLS\r\n"
        assert done.wishes[-1] == StartTls(Tls("192.0.2.1", verify=False))
        assert verdict(done) is Verdict.UP

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ([b"554 go away\r\n"], 'greets with "554 go away" instead of 220'),
            ([b"220 mail\r\n", b"502 what\r\n"], 'answered "502 what" instead of 250 to EHLO'),
            ([b"220 mail\r\n", b"250 mail\r\n", b"454 no\r\n"], 'answered "454 no" instead of 220 to STARTTLS'),
            (
                [b"220 mail\r\n", b"250 mail\r\n", b"220 go\r\n250 injected\r\n"],
                "sent unprotected bytes ahead of the TLS handshake",
            ),
            ([b"220 mail\r\n", EOF], "closed the connection before its SMTP reply"),
        ],
    )
    def test_a_server_that_does_not_upgrade_is_down(self, sent: list[bytes], words: str) -> None:
        done = talk(look("tcp", {"port": 587}), sent)
        assert verdict(done) is Verdict.DOWN
        assert detail(done) == words
