"""Looks over UDP: who is heard, who isn't, and that nobody pays for another."""

import socket
import struct

import pytest
from driving import until
from misbehaving import answering, closed_port, floods, repeats, says_nothing

from domain.observation import Observation, Verdict, up
from probes.spec import Ask, Dialogue, Hear
from store.clock import SystemClock
from watch import datagrams
from watch.driver import Driver
from watch.packets import AGAIN_S

LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


class AheadClock(SystemClock):
    ahead_s = 0.0

    def boottime_s(self) -> float:
        return super().boottime_s() + self.ahead_s


def another_answers(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
    """Before the one that was asked does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.2", 0))
        other.sendto(b"forged", asker)
    served.sendto(data, asker)


def asks(port: int, said: bytes = b"hello", address: str = "127.0.0.1") -> Dialogue:
    """Until it hears its own words."""
    others = 0
    heard = yield Ask(address, port, said, "echo")
    while heard != said:
        others += 1
        heard = yield Hear("echo")
    return up(f"after {others} others")


@LOOPBACKS
def test_an_answer_is_heard(driver: Driver, address: str) -> None:
    found: list[Observation] = []
    with answering(repeats, address) as port:
        driver.look(lambda: asks(port, address=address), 5.0, found.append)
        until(driver, found)
    assert found[0].verdict is Verdict.UP
    assert found[0].latency_ms is not None


@LOOPBACKS
def test_a_closed_port_is_known_at_once(driver: Driver, address: str) -> None:
    found: list[Observation] = []
    port = closed_port(address)
    driver.look(lambda: asks(port, address=address), 60.0, found.append)
    until(driver, found)
    assert found[0][:2] == (Verdict.DOWN, "connection refused")


def test_silence_is_told_by_what_was_awaited(driver: Driver) -> None:
    found: list[Observation] = []
    with answering(says_nothing) as port:
        driver.look(lambda: asks(port), 0.2, found.append)
        until(driver, found)
    assert found[0][:2] == (Verdict.DOWN, "no echo within 0.2 s")


def test_only_who_was_asked_is_heard(driver: Driver) -> None:
    found: list[Observation] = []
    with answering(another_answers) as port:
        driver.look(lambda: asks(port), 5.0, found.append)
        until(driver, found)
    assert found[0].detail == "after 0 others"


def test_each_of_many_to_one_peer_hears_its_own_answer(driver: Driver) -> None:
    found: list[Observation] = []
    with answering(repeats) as port:
        for number in range(200):
            driver.look(lambda said=b"%d" % number: asks(port, said), 5.0, found.append)  # type: ignore[misc]  # bound now
        until(driver, found, 200)
    assert {seen.detail for seen in found} == {"after 0 others"}


def test_a_refusal_and_a_flood_cost_nobody_else_anything(driver: Driver) -> None:
    """They share their sockets."""
    floods_in, refused, found = [], [], []  # type: ignore[var-annotated]  # of observations, all three
    port = closed_port("127.0.0.1")
    with answering(floods) as flooding, answering(repeats) as good:
        for _ in range(60):
            driver.look(lambda: asks(port), 5.0, refused.append)
            driver.look(lambda: asks(good), 5.0, found.append)
        driver.look(lambda: asks(flooding), 1.0, floods_in.append)
        until(driver, found, 60)
        until(driver, refused, 60)
        until(driver, floods_in)
    assert {seen.detail for seen in found} == {"after 0 others"}
    assert {seen.detail for seen in refused} == {"connection refused"}
    assert floods_in[0][:2] == (Verdict.DOWN, "no echo within 1 s")


HOST_UNREACHABLE, PORT_UNREACHABLE, PROHIBITED = 1, 3, 13  # RFC 1812 5.2.7.1


def tells_by_icmp(code: int, of: tuple[str, int], asker: tuple[str, int], said_by: str) -> None:
    """That the datagram from ``asker`` to ``of`` was not delivered (RFC 792)."""
    udp = struct.pack("!4H", asker[1], of[1], 9, 0) + b"x"
    ends = socket.inet_aton(asker[0]) + socket.inet_aton(of[0])
    packet = struct.pack("!2B3H2BH", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0) + ends + udp
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.bind((said_by, 0))
        head = struct.pack("!2B2H", 3, code, 0, 0) + b"\0\0"
        total = sum(struct.unpack(f"!{len(head + packet + b'x') // 2}H", head + packet + b"\0"))
        raw.sendto(struct.pack("!2B3H", 3, code, 0xFFFF - (total % 0xFFFF), 0, 0) + packet, asker)


@pytest.mark.parametrize("code", [HOST_UNREACHABLE, PORT_UNREACHABLE, PROHIBITED])
def test_what_the_system_says_of_one_is_not_put_down_to_the_next(
    driver: Driver, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that came for one datagram is what the system says to the next one that is sent through the same socket."""
    monkeypatch.setattr(datagrams, "FIRST_SOCKETS", 1)
    askers: list[tuple[str, int]] = []
    failed, found = list[Observation](), list[Observation]()
    with answering(lambda _, __, asker: askers.append(asker)) as silent, answering(repeats) as good:
        driver.look(lambda: asks(silent), 5.0, failed.append)
        while not askers:
            driver.turn(0.01)
        tells_by_icmp(code, ("127.0.0.1", silent), askers[0], said_by="127.0.0.1")
        driver.look(lambda: asks(good), 5.0, found.append)
        until(driver, found)
        until(driver, failed)
    assert (found[0].verdict, failed[0].verdict) == (Verdict.UP, Verdict.DOWN)


@pytest.mark.parametrize("code", [HOST_UNREACHABLE, PORT_UNREACHABLE])
def test_nobody_can_say_of_another_that_it_is_not_reached(driver: Driver, code: int) -> None:
    """Who was asked once knows the port that others are asked from."""
    asked: list[tuple[socket.socket, bytes, tuple[str, int]]] = []
    found: list[Observation] = []
    with answering(lambda *said: asked.append(said)) as port:
        driver.look(lambda: asks(port), 5.0, found.append)
        while not asked:
            driver.turn(0.01)
        tells_by_icmp(code, ("127.0.0.1", port), asked[0][2], said_by="127.0.0.9")
        for _ in range(3):
            driver.turn(0.01)
        repeats(*asked[0])
        until(driver, found)
    assert found[0].verdict is Verdict.UP


def test_what_is_no_address_is_not_looked_at(driver: Driver) -> None:
    found: list[Observation] = []
    driver.look(lambda: asks(53, address="dns.example"), 5.0, found.append)
    until(driver, found)
    assert found[0].verdict is Verdict.UNKNOWN


def test_what_comes_after_the_end_is_nobody_s(driver: Driver) -> None:
    """Its way is free again, and the next look that takes it is not told what was meant for the last."""
    late: list[tuple[socket.socket, tuple[str, int]]] = []
    found: list[Observation] = []
    with answering(lambda served, _, asker: late.append((served, asker))) as port:
        driver.look(lambda: asks(port), 0.2, found.append)
        until(driver, found)
        served, asker = late[0]
        served.sendto(b"hello", asker)
        driver.turn(0.1)
    assert len(found) == 1
    assert driver.next_s() is None


@LOOPBACKS
def test_a_question_that_was_lost_is_asked_again(address: str) -> None:
    """By a clock that the test sets ahead; the same way, so that a late answer to the first would be heard, too."""
    heard: list[tuple[str, int]] = []

    def answers_the_third(served: socket.socket, data: bytes, asker: tuple[str, int]) -> None:
        heard.append(asker)
        if len(heard) == 3:
            served.sendto(data, asker)

    clock = AheadClock()
    driver = Driver(clock)
    found: list[Observation] = []
    with answering(answers_the_third, address) as port:
        driver.look(lambda: asks(port, address=address), 10.0, found.append)
        for asked in (1, 2, 3):
            while len(heard) < asked:
                driver.turn(0.01)
            for _ in range(2):  # in steps that are too short for a process that stood still
                clock.ahead_s += AGAIN_S / 2
                driver.turn(0.01)
        until(driver, found)
    driver.close()
    assert found[0].verdict is Verdict.UP
    assert len(set(heard)) == 1
