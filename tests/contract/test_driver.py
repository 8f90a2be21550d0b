"""The driver over real sockets: many looks at once, its own trouble, and standing still."""

import errno
import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from driving import see, until
from hand_clock import JumpingClock
from misbehaving import answers, says, serving, silent
from probe_talk import look, start

from domain.model import Secret
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Connect, Dialogue, Line, SecretMissing, Target
from store.clock import SystemClock
from watch import trouble
from watch.driver import STALL_S, Driver
from watch.flight import Flight
from watch.icmp import Answer, Echoes, Sending
from watch.mmsg import Mail, peer

BANNER = b"SSH-2.0-real\r\n"


def ssh(port: int) -> Dialogue:
    return look("ssh", {"port": port}, "127.0.0.1")


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class TestMany:
    def test_looks_run_side_by_side_and_leave_nothing_open(self, driver: Driver) -> None:
        found: list[Observation] = []
        with serving(says(BANNER, silent)) as good, serving(silent) as bad:
            before = open_descriptors()
            for _ in range(60):
                driver.look(lambda: ssh(good.port), 5.0, found.append)
                driver.look(lambda: ssh(bad.port), 0.5, found.append)
            until(driver, found, 120)
            assert [seen.verdict for seen in found] == [Verdict.UP] * 60 + [Verdict.DOWN] * 60
        assert open_descriptors() <= before
        assert driver.next_s() is None

    def test_more_than_may_be_under_way_wait_for_their_turn(self) -> None:
        driver = Driver(SystemClock(), at_once=3)
        found: list[Observation] = []
        with serving(says(BANNER, silent)) as server:
            for _ in range(20):
                driver.look(lambda: ssh(server.port), 5.0, found.append)
            driver.turn(0.0)
            assert server.connections <= 3
            until(driver, found, 20)
        assert {seen.verdict for seen in found} == {Verdict.UP}
        driver.close()

    def test_no_more_are_under_way_than_descriptors_are_there_for(self) -> None:
        """Whatever has to wait sees what is there all the same, and not that this process has no descriptor left."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        limit = 2 * open_descriptors() + 60
        found: list[Observation] = []
        with serving(silent) as server:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            try:
                driver = Driver(SystemClock())
                for _ in range(limit + 20):
                    driver.look(lambda: ssh(server.port), 0.3, found.append)
                driver.turn(0.0)
                assert open_descriptors() < limit
                until(driver, found, limit + 20)
                driver.close()
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert {seen[:2] for seen in found} == {(Verdict.DOWN, "no complete SSH identification string within 0.3 s")}

    def test_more_pings_at_once_than_a_socket_holds_answers_to(self, driver: Driver) -> None:
        found: list[Observation] = []
        for number in range(3000):
            driver.look(lambda at=f"127.0.{number // 250}.{1 + number % 250}": look("ping", {}, at), 5.0, found.append)  # type: ignore[misc]  # bound now
        until(driver, found, 3000)
        assert {seen.verdict for seen in found} == {Verdict.UP}

    def test_what_is_given_up_does_not_land(self, driver: Driver) -> None:
        found: list[Observation] = []
        before = open_descriptors()
        with serving(silent) as server:
            under_way = driver.look(lambda: ssh(server.port), 0.2, found.append)
            driver.turn(0.05)
            waiting = driver.look(lambda: ssh(server.port), 0.2, found.append)
            driver.give_up(under_way)
            driver.give_up(waiting)
        assert open_descriptors() == before
        assert driver.next_s() is None
        assert found == []

    def test_the_end_of_one_may_give_up_another(self, driver: Driver) -> None:
        """Also where both ends are due at once."""
        flights: dict[str, Flight] = {}
        found: list[str] = []

        def landed(name: str, other: str) -> None:
            found.append(name)
            driver.give_up(flights.pop(other))

        with serving(silent) as server:
            flights["a"] = driver.look(lambda: ssh(server.port), 0.2, lambda _: landed("a", "b"))
            flights["b"] = driver.look(lambda: ssh(server.port), 0.2, lambda _: landed("b", "a"))
            while not found:
                driver.turn(0.5)
            driver.turn(0.5)
        assert len(found) == 1
        assert driver.next_s() is None


class ForgedEchoes(Echoes):
    """Every echo is answered at once, with its token, from ``source``."""

    def __init__(self, source: str) -> None:
        super().__init__(Mail())
        self._source = peer(socket.AF_INET, source, 0)
        self._ring, self._heard = socket.socketpair()
        self._tokens: list[bytes] = []

    def send(self, family: socket.AddressFamily, address: str, size: int) -> Sending:
        self._tokens.append(os.urandom(16))
        self._ring.send(b"!")
        return self._tokens[-1], peer(family, address, 0), self._heard.fileno()

    def receive(self, descriptor: int) -> list[Answer]:
        self._heard.recv(100)
        return [(token, self._source) for token in self._tokens]

    def close(self) -> None:
        self._ring.close()
        self._heard.close()


@pytest.mark.parametrize(("source", "verdict"), [("192.0.2.1", Verdict.UP), ("192.0.2.66", Verdict.DOWN)])
def test_an_echo_counts_only_from_where_it_was_sent(driver: Driver, source: str, verdict: Verdict) -> None:
    driver._packets._echoes = ForgedEchoes(source)
    found: list[Observation] = []
    driver.look(lambda: look("ping", {}, "192.0.2.1"), 0.3, found.append)
    until(driver, found)
    assert found[0].verdict is verdict


class TestOwnTrouble:
    """What keeps the watcher from looking says nothing about the peer: UNKNOWN."""

    @pytest.mark.parametrize(
        "number",
        [
            errno.EMFILE,
            errno.ENFILE,
            errno.ENOBUFS,
            errno.ENOMEM,
            errno.ENETUNREACH,
            errno.EADDRNOTAVAIL,
            errno.EPERM,
            errno.EACCES,
        ],
    )
    def test_by_number(self, number: int) -> None:
        seen = trouble.of_socket(OSError(number, ""))
        assert seen.verdict is Verdict.UNKNOWN
        assert errno.errorcode[number] in seen.detail

    @pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EPIPE])
    def test_the_peers_trouble_is_down(self, number: int) -> None:
        assert trouble.of_socket(OSError(number, "")).verdict is Verdict.DOWN

    def test_no_descriptor_left(self) -> None:
        with serving(says(BANNER, silent)) as server, starved():
            seen = see("ssh", {"port": server.port})
        assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, "the watcher can't look: Too many open files (EMFILE)")

    def test_names_are_not_resolved(self) -> None:
        for kind in ("ssh", "ping"):
            seen = see(kind, {}, "localhost")
            assert (seen.verdict, seen.detail) == (Verdict.UNKNOWN, "'localhost' is not an IP address")

    def test_a_missing_secret(self, driver: Driver) -> None:
        def missing(reference: Secret) -> str:
            raise SecretMissing(f"environment variable {reference.name} is not set")

        options = PROBES["http"].complete({"auth": {"user": "u", "password": {"env": "PW"}}})
        found: list[Observation] = []
        driver.look(lambda: start(PROBES["http"], Target("127.0.0.1", options, missing)), 5.0, found.append)
        until(driver, found)
        assert (found[0].verdict, found[0].detail) == (Verdict.UNKNOWN, "environment variable PW is not set")

    def test_a_probes_own_mistake_blinds_no_other(self, driver: Driver, caplog: pytest.LogCaptureFixture) -> None:
        with serving(says(BANNER, silent)) as server:

            def mistaken() -> Dialogue:
                yield Connect("127.0.0.1", server.port)
                line = yield Line(100, "greeting")
                raise ZeroDivisionError(line)

            found: list[Observation] = []
            driver.look(mistaken, 5.0, found.append)
            driver.look(lambda: ssh(server.port), 5.0, found.append)
            until(driver, found, 2)
        assert sorted(seen.verdict for seen in found) == [Verdict.UNKNOWN, Verdict.UP]
        assert "ZeroDivisionError" in caplog.text


class TestStandingStill:
    """SIGSTOP, suspend, starvation: boottime goes on, and the process does not."""

    def test_looks_begin_anew_instead_of_being_too_late(self, driver: Driver, clock: JumpingClock) -> None:
        found: list[Observation] = []
        with serving(silent) as server:
            driver.look(lambda: ssh(server.port), 0.4, found.append)
            driver.turn(0.05)
            clock.ahead_s += STALL_S + 600
            driver.turn(0.0)
            assert found == []
            until(driver, found)
            assert server.connections == 2
        assert found[0].verdict is Verdict.DOWN
        assert found[0].latency_ms is not None
        assert found[0].latency_ms < 5_000

    def test_a_connection_that_broke_meanwhile_is_no_evidence(self, driver: Driver, clock: JumpingClock) -> None:
        found: list[Observation] = []
        with serving(answers(b"")) as broken:
            driver.look(lambda: ssh(broken.port), 5.0, found.append)
            driver.turn(0.05)
        clock.ahead_s += STALL_S + 600  # the server is gone by now, its farewell waits in our socket
        with _again_at(broken.port):
            until(driver, found)
        assert found[0].verdict is Verdict.UP

    def test_a_ping_begins_anew(self, driver: Driver, clock: JumpingClock) -> None:
        found: list[Observation] = []
        driver.look(lambda: look("ping", {}, "127.0.0.1"), 0.5, found.append)
        driver.turn(0.0)
        clock.ahead_s += STALL_S + 600
        until(driver, found)
        assert found[0].latency_ms is not None
        assert found[0].latency_ms < 5_000


@contextmanager
def _again_at(port: int) -> Iterator[None]:
    """Another server at a port that was just left."""
    listener = socket.create_server(("127.0.0.1", port))
    try:

        def serve() -> None:
            connection, _ = listener.accept()
            connection.sendall(BANNER)
            connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(5)
    finally:
        listener.close()


@contextmanager
def starved() -> Iterator[None]:
    """No descriptor is left for this process but the one that a driver itself needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_descriptors() + 20, hard))
    held: list[int] = []
    try:
        with suppress(OSError):
            while True:
                held.append(os.dup(0))
        os.close(held.pop())
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
