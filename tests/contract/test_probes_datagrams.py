"""What every kind over UDP promises, whatever the peer does. A new one joins by a line in ``ANSWERS``."""

import socket
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

import dns.message
import dns.rrset
import pytest
from driving import see
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from misbehaving import answering, closed_port, floods, says_nothing
from probe_talk import look, talk
from radius_server import answer as radius_answer
from test_probes import needed

from domain.observation import Verdict
from probes import PROBES
from probes.conversation import Conversation
from probes.spec import Ask, Talk


def answers_dns(question: bytes) -> bytes:
    response = dns.message.make_response(dns.message.from_wire(question))
    response.answer.append(dns.rrset.from_text("www.example.com.", 300, "IN", "A", "192.0.2.1"))
    return response.to_wire()


def answers_ntp(question: bytes) -> bytes:
    return b"\x24\2\0\0" + bytes(20) + question[40:48] + b"time" * 4


class Sample(NamedTuple):
    """``answers``: what a healthy peer answers to what it is asked."""

    options: Mapping[str, object]
    answers: Callable[[bytes], bytes]


ANSWERS = {
    "dns": Sample({"name": "www.example.com"}, answers_dns),
    "ntp": Sample({}, answers_ntp),
    "radius": Sample(
        {"login": {"user": "u", "password": {"env": "PW"}}, "secret": {"env": "RS"}},
        radius_answer(2),
    ),
}
KINDS = pytest.mark.parametrize("kind", sorted(ANSWERS))
LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


def test_every_kind_that_asks_by_datagram_has_a_sample() -> None:
    for kind, spec in PROBES.items():
        if kind not in ANSWERS and isinstance(spec.way, Talk):
            assert not isinstance(Conversation(look(kind, needed(kind))).begin(), Ask)


@KINDS
class TestWithoutSockets:
    def test_a_good_answer_is_up(self, kind: str) -> None:
        seen = talk(look(kind, ANSWERS[kind].options), [ANSWERS[kind].answers]).seen
        assert seen is not None
        assert seen.verdict is Verdict.UP

    @given(pieces=st.lists(st.binary(max_size=1500), max_size=8))
    def test_random_bytes_always_end_in_a_verdict(self, kind: str, pieces: list[bytes]) -> None:
        _judge(kind, list(pieces))

    @given(data=st.data())
    def test_a_damaged_good_answer_always_ends_in_a_verdict(self, kind: str, data: st.DataObject) -> None:
        """Most often it still answers what was asked, so that all of it is read."""

        tail = data.draw(st.binary(max_size=300))

        def damaged(question: bytes) -> bytes:
            good = bytearray(ANSWERS[kind].answers(question))
            for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=3)):
                good[at] = data.draw(st.integers(0, 255))
            return bytes(good[: data.draw(st.integers(len(good) // 2, len(good)))]) + tail

        _judge(kind, [damaged, tail, tail])


def _judge(kind: str, pieces: list[bytes | Callable[[bytes], bytes]]) -> None:
    done = talk(look(kind, ANSWERS[kind].options), pieces)
    if done.seen is not None:
        assert done.seen.verdict in {Verdict.UP, Verdict.DOWN}
        assert len(done.seen.detail) <= 200
        assert done.seen.detail.isprintable()


@KINDS
@LOOPBACKS
class TestOverSockets:
    def test_a_good_answer_is_up(self, kind: str, address: str) -> None:
        def good(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
            served.sendto(ANSWERS[kind].answers(data), asker)

        with answering(good, address) as port:
            seen = see(kind, {**ANSWERS[kind].options, "port": port}, address)
        assert seen.verdict is Verdict.UP
        assert seen.latency_ms is not None

    def test_silence_is_down_when_its_time_is_over(self, kind: str, address: str) -> None:
        with answering(says_nothing, address) as port:
            seen = see(kind, {**ANSWERS[kind].options, "port": port}, address, timeout_s=0.2)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("no ")
        assert " within 0.2 s" in seen.detail

    def test_a_closed_port_is_refused(self, kind: str, address: str) -> None:
        seen = see(kind, {**ANSWERS[kind].options, "port": closed_port(address)}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, "connection refused")

    def test_a_flood_is_down(self, kind: str, address: str) -> None:
        with answering(floods, address) as port:
            seen = see(kind, {**ANSWERS[kind].options, "port": port}, address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, "answers what it was not asked")


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=1500))
def test_random_bytes_over_sockets(data: bytes) -> None:
    def garbage(served: socket.socket, asked: bytes, asker: tuple[str, int]) -> None:
        served.sendto(data, asker)
        served.sendto(asked[:12] + data, asker)

    with answering(garbage) as port:
        for kind, sample in ANSWERS.items():
            assert see(kind, {**sample.options, "port": port}, timeout_s=0.02).verdict is Verdict.DOWN
    assert threading.active_count() < 20, "the server left threads behind"
