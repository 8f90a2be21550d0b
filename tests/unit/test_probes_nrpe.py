"""What the kinds over NRPE ask, and make of each answer, without sockets (C26, C27)."""

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_talk import EOF, look, talk

from domain.observation import Observation, Verdict
from probes import PROBES
from probes.nrpe import packet
from probes.spec import Connect, Tls

KINDS = pytest.mark.parametrize("kind", ["logfile", "eventlog"])


def answer(result: int, text: bytes, *, version: int = 2, kind: int = 2, crc: int | None = None) -> bytes:
    """As an NRPE server makes it, written apart from the probe's own."""
    body = struct.pack("!h", result) + text.ljust(1024, b"\0") + b"\0\0"
    head = struct.pack("!hh", version, kind)
    return head + struct.pack("!I", zlib.crc32(head + bytes(4) + body) if crc is None else crc) + body


def seen(*pieces: bytes, **given: object) -> Observation:
    done = talk(look("logfile", given), pieces)
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen


@KINDS
class TestQuestion:
    def test_is_the_command_encrypted_for_whoever_answers(self, kind: str) -> None:
        done = talk(look(kind, {}))
        assert done.wishes[0] == Connect("192.0.2.1", 5666, Tls("192.0.2.1", anonymous=True))
        version, query, crc, _, text = struct.unpack("!hhIh1024s2x", done.sent)
        assert (version, query) == (2, 1)
        assert crc == zlib.crc32(done.sent[:4] + bytes(4) + done.sent[8:])
        assert text.rstrip(b"\0") == f"check_{kind}".encode()

    def test_may_have_arguments(self, kind: str) -> None:
        sent = talk(look(kind, {"command": "check_log", "arguments": ["/var/log/app.log", "エラー"], "tls": "none"})).sent
        assert "check_log!/var/log/app.log!エラー\0".encode() in sent

    def test_that_is_too_long_is_not_asked(self, kind: str) -> None:
        done = talk(look(kind, {"arguments": ["x" * 500] * 3}))
        assert done.wishes == []
        assert done.seen is not None
        assert done.seen.verdict is Verdict.UNKNOWN

    @pytest.mark.parametrize(
        ("given", "tls"),
        [
            ({"tls": "none"}, None),
            ({"tls": "verified", "server_name": "web.example.com"}, Tls("web.example.com", True)),
            ({"tls": "verified", "ca_file": "/ca.pem"}, Tls("192.0.2.1", True, "/ca.pem")),
        ],
    )
    def test_goes_as_the_inventory_says(self, kind: str, given: dict[str, object], tls: Tls | None) -> None:
        assert talk(look(kind, given)).wishes[0] == Connect("192.0.2.1", 5666, tls)

    def test_fails_at_once(self, kind: str) -> None:
        assert PROBES[kind].at_once


class TestAnswer:
    def test_ok_is_up(self) -> None:
        assert seen(answer(0, b"OK: no new line with ERROR | lines=3\nmore"))[:2] == (Verdict.UP, '"OK: no new line with ERROR"')

    @pytest.mark.parametrize("result", [1, 2])
    def test_a_find_is_down_in_its_words(self, result: int) -> None:
        found = seen(answer(result, b"CRITICAL: 1 new with ERROR: disk failed\x1b[0m"))
        assert found[:2] == (Verdict.DOWN, '"CRITICAL: 1 new with ERROR: disk failed?[0m"')

    def test_a_find_in_any_script_is_told_in_it(self) -> None:
        found = seen(answer(2, "CRITICAL: 1 new with エラー: ディスクの\u202e故障\x85".encode()))
        assert found.detail == '"CRITICAL: 1 new with エラー: ディスクの?故障?"'

    def test_a_line_that_holds_a_password_gets_it_into_no_mail(self) -> None:
        assert "hunter2" not in seen(answer(2, b"CRITICAL: 1 new with ERROR: login with password=hunter2 failed")).detail

    @pytest.mark.parametrize(
        ("result", "text"), [(3, b"no such file"), (2, b"NRPE: Command 'check_logfile' not defined"), (127, b""), (-1, b"")]
    )
    def test_a_command_that_can_t_tell_is_no_evidence(self, result: int, text: bytes) -> None:
        found = seen(answer(result, text))
        assert found.verdict is Verdict.UNKNOWN
        assert found.detail == f"the host's command can't tell: \"{text.decode()}\""

    @pytest.mark.parametrize(
        ("said", "words"),
        [
            (answer(0, b"OK", crc=1), "answers with a damaged NRPE packet (CRC)"),
            (answer(0, b"OK").replace(b"OK", b"KO"), "answers with a damaged NRPE packet (CRC)"),
            (answer(0, b"OK", kind=1), "answers with something that is no NRPE packet"),
            (answer(0, b"OK", version=3), "answers with something that is no NRPE packet"),
            (b"HTTP/1.1 400 Bad Request\r\n" * 50, "answers with something that is no NRPE packet"),
        ],
    )
    def test_anything_else_is_down(self, said: bytes, words: str) -> None:
        assert seen(said)[:2] == (Verdict.DOWN, words)

    def test_half_of_one_is_down(self) -> None:
        """So is none: who may not ask is hung up on."""
        for said in (b"", answer(0, b"OK")[:-1]):
            assert seen(*([said] if said else []), EOF)[:2] == (Verdict.DOWN, "closed the connection before its NRPE answer")

    @given(result=st.integers(-32768, 32767), text=st.binary(max_size=1024))
    def test_of_any_words_has_a_verdict(self, result: int, text: bytes) -> None:
        found = seen(answer(result, text))
        assert len(found.detail) <= 200
        assert found.detail.isprintable()

    def test_our_own_packets_are_read_as_a_server_s(self) -> None:
        assert packet(2, 0, b"OK") == answer(0, b"OK")


@pytest.mark.parametrize("command", ["", "a b", "a!b", "コマンド", "x" * 101, 1, None])
def test_a_command_that_is_none(command: object) -> None:
    with pytest.raises(ValueError, match="the name of a command"):
        PROBES["logfile"].options["command"].parse(command)


@pytest.mark.parametrize("arguments", [[], ["a!b"], [""], ["a\nb"], ["x"] * 11, "x", [1]])
def test_arguments_that_are_none(arguments: object) -> None:
    with pytest.raises(ValueError, match="none of them with a !"):
        PROBES["logfile"].options["arguments"].parse(arguments)
