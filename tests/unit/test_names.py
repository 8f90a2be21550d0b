"""What the system says of names, and which answers the watcher's resolver believes (C50)."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from socket import socket

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hand_clock import HandClock, JumpingClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from misbehaving import answering, closed_port, floods, says_nothing

from domain.model import ByName
from domain.observation import Observation, Verdict, down, up
from probes.spec import Ask, Dialogue
from store.clock import SystemClock
from watch import names
from watch.driver import Driver
from watch.name_files import LOCAL, Kept, Server, hosts, nameservers, servers
from watch.names import Names, Told

NAME = "www.example.com"
Answering = Callable[[socket, bytes, tuple[str, int]], None]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("", ()),
        (" ", ()),
        ("192.0.2.53", (Server("192.0.2.53"),)),
        ("192.0.2.53:5353, 2001:db8::53,[::1]:54", (Server("192.0.2.53", 5353), Server("2001:db8::53"), Server("::1", 54))),
        ("[::1]", (Server("::1"),)),
    ],
)  # fmt: skip
def test_resolvers_as_they_are_set(written: str, found: tuple[Server, ...]) -> None:
    assert servers(written) == found


@pytest.mark.parametrize(
    "written", ["ns1", "192.0.2.53:0", "192.0.2.53:x", "fe80::1%eth0", "192.0.2.1,,192.0.2.2", "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4"]
)
def test_resolvers_that_can_not_be(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        servers(written)


def test_resolv_conf() -> None:
    named = ("192.0.2.53 # first", "", "fe80::1%eth0", "ns1", "2001:db8::53")
    text = "# ours\nsearch example.com\n" + "".join(f"nameserver {one}\n" for one in named)
    assert nameservers(text) == (Server("192.0.2.53"), Server("2001:db8::53"))
    assert nameservers("nameserver 192.0.2.1\n" * 9) == (Server("192.0.2.1"),) * 3
    assert nameservers("options rotate\n") == LOCAL


def test_hosts() -> None:
    found = hosts("127.0.0.1 localhost\n192.0.2.7\tWWW.shop.example www # us\n2001:db8::7 www.shop.example\nwho knows\n")
    assert found == {"localhost": ["127.0.0.1"], "www.shop.example": ["192.0.2.7", "2001:db8::7"], "www": ["192.0.2.7"]}


@given(st.text(max_size=300))
def test_no_text_breaks_them(text: str) -> None:
    assert nameservers(text)
    hosts(text)


def test_a_file_that_changes_is_read_anew_and_one_that_goes_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    kept = Kept(path, hosts)
    assert kept.said == {}
    for number, address in enumerate(("192.0.2.1", "192.0.2.2")):
        path.write_text(f"{address} www\n")
        os.utime(path, ns=(number, number))
        assert kept.said == {"www": [address]}
    path.unlink()
    assert kept.said == {}


def answers(
    *addresses: str, ttl: int = 300, rcode: dns.rcode.Rcode = dns.rcode.NOERROR, seen: list[str] | None = None
) -> Answering:
    """A resolver that knows these addresses of every name; ``seen`` collects what it is asked."""

    def answer(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        [question] = asked.question
        if seen is not None:
            seen.append(question.to_text())
        response = dns.message.make_response(asked)
        response.set_rcode(rcode)
        wanted = [one for one in addresses if (":" in one) == (question.rdtype == 28)]
        if wanted:
            response.answer.append(dns.rrset.from_text_list(question.name, ttl, "IN", question.rdtype, wanted))
        served.sendto(response.to_wire(), asker)

    return answer


class Lookout:
    """A driver with a resolver of names, and looks that see what the test says. ``looked``: the addresses."""

    def __init__(self, etc: Path, ports: Sequence[int]) -> None:
        self.clock = HandClock()
        self.driver = Driver(SystemClock())
        self.names = Names(self.driver, self.clock, tuple(Server("127.0.0.1", port) for port in ports), etc)
        self.looked: list[str] = []
        self.left_s: list[float] = []
        self.seen = up("welcome")

    def begin(self, address: str, left_s: float, landed: Told) -> object:
        def look() -> Dialogue:
            yield from ()
            return self.seen

        self.looked.append(address)
        self.left_s.append(left_s)
        return self.driver.look(look, left_s, landed)

    def look(self, *wanted: ByName, timeout_s: float = 10.0) -> list[Observation]:
        found: list[Observation] = []
        for one in wanted:
            self.names.look(one, timeout_s, self.begin, found.append)
            assert len(found) < len(wanted), "it lands later"
        while len(found) < len(wanted):
            self.driver.turn(0.005)
        return found


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def watch(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Lookout]:
    """With these resolvers; silent ones cost a quarter of a second."""
    monkeypatch.setattr(names, "RESOLVE_S", 0.5)

    def made(*resolvers: Answering | int) -> Lookout:
        ports = [one if isinstance(one, int) else stack.enter_context(answering(one)) for one in resolvers]
        lookout = Lookout(tmp_path, ports)
        stack.callback(lookout.driver.close)
        return lookout

    return made


def by(version: int | None = None, *own: str, name: str = NAME) -> ByName:
    return ByName(name, version, own)  # type: ignore[arg-type]  # 4 or 6


Made = Callable[..., Lookout]


@pytest.mark.parametrize(("version", "address"), [(4, "192.0.2.1"), (6, "2001:db8::1"), (None, "192.0.2.1")])
def test_the_address_of_the_family_is_looked_at_and_said(watch: Made, version: int | None, address: str) -> None:
    lookout = watch(answers("192.0.2.1", "2001:db8::1"))
    assert lookout.look(by(version)) == [up(f"at {address}: welcome")._replace(latency_ms=0.0)]
    assert lookout.looked == [address]


def test_a_name_with_ipv6_only_is_looked_at_there(watch: Made) -> None:
    asked: list[str] = []
    lookout = watch(answers("2001:db8::1", seen=asked))
    assert lookout.look(by())[0].verdict is Verdict.UP
    assert asked == [f"{NAME}. IN A", f"{NAME}. IN AAAA"]


def test_what_fails_at_an_address_of_somebody_else_is_only_told(watch: Made) -> None:
    lookout = watch(answers("192.0.2.1"))
    lookout.seen = down("connection refused")
    elsewhere, own = lookout.look(by(), by(None, "192.0.2.1"))
    assert (elsewhere.detail, elsewhere.told_only) == ("at 192.0.2.1: connection refused", True)
    assert (own.detail, own.told_only) == ("at 192.0.2.1: connection refused", False)


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "224.0.0.1", "169.254.1.1", "::1", "fe80::1", "::ffff:127.0.0.1"])
def test_the_watcher_itself_is_nobody_else(watch: Made, address: str) -> None:
    lookout = watch(answers(address))
    [seen] = lookout.look(by(6 if ":" in address else 4))
    assert (seen.verdict, seen.told_only, lookout.looked) == (Verdict.DOWN, True, [])
    assert f"it leads to {address}, which is no other machine's address" in seen.detail


@pytest.mark.parametrize(("ttl", "kept_s"), [(0, 0), (20, 20), (86_400, 60)])
def test_an_answer_is_good_for_its_ttl_and_a_minute_at_most(watch: Made, ttl: int, kept_s: float) -> None:
    asked: list[str] = []
    lookout = watch(answers("192.0.2.1", ttl=ttl, seen=asked))
    lookout.look(by())
    if kept_s:
        lookout.clock.boot_s += kept_s - 0.1
        lookout.look(by())
        assert len(asked) == 1
        lookout.clock.boot_s += 0.2
    lookout.look(by())
    assert len(asked) == 2


def test_looks_that_wait_for_the_same_name_ask_once(watch: Made) -> None:
    asked: list[str] = []
    lookout = watch(answers("192.0.2.1", ttl=0, seen=asked))
    assert len(lookout.look(by(), by(), by(None, "192.0.2.1"), by(name="other.example.com"))) == 4
    assert len(asked) == 2


def test_one_that_is_given_up_does_not_land(watch: Made) -> None:
    lookout = watch(answers("192.0.2.1"))
    found: list[Observation] = []
    led = lookout.names.look(by(), 10.0, lookout.begin, found.append)
    lookout.names.give_up(led)
    assert lookout.look(by())[0].verdict is Verdict.UP
    assert found == []


def test_etc_hosts_comes_first_and_asks_nobody(watch: Made, tmp_path: Path) -> None:
    asked: list[str] = []
    (tmp_path / "hosts").write_text(f"2001:db8::7 {NAME}\n192.0.2.7 {NAME}\n")
    lookout = watch(answers("192.0.2.1", seen=asked))
    lookout.look(by(), by(6))
    assert (lookout.looked, asked) == (["192.0.2.7", "2001:db8::7"], [])


def test_the_second_resolver_is_asked_where_the_first_is_silent(watch: Made) -> None:
    for first in (says_nothing, answers(rcode=dns.rcode.SERVFAIL), answers(rcode=dns.rcode.REFUSED), closed_port("127.0.0.1")):
        lookout = watch(first, answers("192.0.2.1"))
        assert lookout.look(by())[0].verdict is Verdict.UP


@pytest.mark.parametrize(
    ("resolvers", "said"),
    [
        (
            (says_nothing, answers(rcode=dns.rcode.REFUSED)),
            "127.0.0.1: no DNS answer within 0.125 s; 127.0.0.1: it refuses to answer (REFUSED)",
        ),
        ((answers(rcode=dns.rcode.SERVFAIL),), "127.0.0.1: it can't answer just now (SERVFAIL)"),
        ((answers(rcode=dns.rcode.NXDOMAIN),), "there is no such name (NXDOMAIN, says 127.0.0.1)"),
        ((answers(),), "it has no address (says 127.0.0.1)"),
        ((closed_port("127.0.0.1"),), "127.0.0.1: connection refused"),
        ((floods,), "127.0.0.1: answers what it was not asked"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_apart(watch: Made, resolvers: tuple[Answering, ...], said: str) -> None:
    lookout = watch(*resolvers)
    [seen] = lookout.look(by())
    assert (seen.verdict, seen.told_only, lookout.looked) == (Verdict.DOWN, True, [])
    assert seen.detail == f"name resolution failed: {NAME}: {said}"


def test_a_resolver_that_can_not_be_asked_is_the_watcher_s_own_trouble(stack: ExitStack, tmp_path: Path) -> None:
    lookout = Lookout(tmp_path, ())
    stack.callback(lookout.driver.close)
    (tmp_path / "resolv.conf").write_text("nameserver 255.255.255.255\n")  # no socket of ours may send there
    [seen] = lookout.look(by())
    assert seen.verdict is Verdict.UNKNOWN
    assert "the watcher can't look" in seen.detail


def test_where_it_led_before_is_said_and_not_looked_at(watch: Made) -> None:
    working = [True]

    def dies(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        if working:
            answers("192.0.2.1", ttl=1)(served, data, asker)

    lookout = watch(dies)
    lookout.look(by())
    working.clear()
    lookout.clock.boot_s += 2.0
    [seen] = lookout.look(by())
    assert seen.detail.endswith("; it led to 192.0.2.1 before")
    assert lookout.looked == ["192.0.2.1"]


def test_the_look_gets_what_is_left_of_its_time(watch: Made) -> None:
    lookout = watch(says_nothing)
    found: list[Observation] = []

    def late(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        lookout.clock.boot_s += 2.0
        answers("192.0.2.1", ttl=0)(served, data, asker)

    lookout = watch(late)
    [seen] = lookout.look(by(), timeout_s=10.0)
    assert (lookout.left_s, seen.latency_ms) == ([8.0], 2000.0)
    found = lookout.look(by(), timeout_s=1.5)
    assert found[0].detail.endswith("it took the 1.5 s of the whole look")
    assert lookout.looked == ["192.0.2.1"]


@pytest.mark.parametrize("asleep", ["while the name is asked for", "while the address is looked at"])
def test_a_watcher_that_stood_still_puts_it_down_to_nobody(stack: ExitStack, tmp_path: Path, asleep: str) -> None:
    """A suspended machine, for one: what was under way begins anew, with all of its time."""
    clock, asked, found = JumpingClock(), list[bytes](), list[Observation]()

    def answers_the_second(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        asked.append(data)
        if len(asked) > 1 or "name" not in asleep:
            answers("192.0.2.1")(served, data, asker)

    echoed: list[bytes] = []

    def repeats_the_second(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        echoed.append(data)
        if len(echoed) > 1 or "name" in asleep:
            served.sendto(data, asker)

    resolver, peer = (stack.enter_context(answering(one)) for one in (answers_the_second, repeats_the_second))
    driver = Driver(clock)
    stack.callback(driver.close)

    def looks() -> Dialogue:
        yield Ask("127.0.0.1", peer, b"hello", "echo")
        return up()

    def begin(_: str, left_s: float, landed: Told) -> object:
        return driver.look(looks, left_s, landed)

    Names(driver, clock, (Server("127.0.0.1", resolver),), tmp_path).look(by(), 10.0, begin, found.append)
    while not (asked if "name" in asleep else echoed):
        driver.turn(0.01)
    clock.ahead_s += 3600.0
    while not found:
        driver.turn(0.01)
    assert found[0].verdict is Verdict.UP
    assert found[0].latency_ms is not None
    assert found[0].latency_ms < 3_600_000


def forged(change: Callable[[dns.message.Message], None]) -> Answering:
    """What answers something else comes first, then the right answer."""

    def answer(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        response = dns.message.make_response(dns.message.from_wire(data))
        response.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", "192.0.2.66"))
        change(response)
        served.sendto(response.to_wire(), asker)
        answers("192.0.2.1")(served, data, asker)

    return answer


def another_id(message: dns.message.Message) -> None:
    message.id ^= 1


def another_question(message: dns.message.Message) -> None:
    message.question = [dns.rrset.from_text("www.example.net.", 60, "IN", "A")]


def no_response(message: dns.message.Message) -> None:
    message.flags &= ~dns.flags.QR


@pytest.mark.parametrize("change", [another_id, another_question, no_response])
def test_what_answers_another_question_is_not_believed(watch: Made, change: Callable[[dns.message.Message], None]) -> None:
    lookout = watch(forged(change))
    lookout.look(by())
    assert lookout.looked == ["192.0.2.1"]


def test_what_comes_from_another_address_is_not_believed(watch: Made, stack: ExitStack) -> None:
    def elsewhere(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        with socket(served.family, served.type) as other:
            other.bind(("127.0.0.1", 0))
            answers("192.0.2.66")(other, data, asker)
        answers("192.0.2.1")(served, data, asker)

    lookout = watch(elsewhere)
    lookout.look(by())
    assert lookout.looked == ["192.0.2.1"]


def test_ids_and_ports_are_not_to_be_guessed(watch: Made) -> None:
    seen: list[tuple[bytes, int]] = []

    def keep(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        seen.append((data[:2], asker[1]))
        answers("192.0.2.1", ttl=0)(served, data, asker)

    lookout = watch(keep)
    for _ in range(40):
        lookout.look(by())
    assert len({id_ for id_, _ in seen}) > 35
    assert len({port for _, port in seen}) > 5


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tail=st.binary(max_size=300), flags=st.binary(min_size=2, max_size=2), counts=st.binary(min_size=8, max_size=8))
def test_whatever_a_resolver_sends_there_is_a_verdict(tmp_path: Path, tail: bytes, flags: bytes, counts: bytes) -> None:
    def garbage(served: socket, data: bytes, asker: tuple[str, int]) -> None:
        served.sendto(tail, asker)
        served.sendto(data[:2] + flags + data[4:] + tail, asker)
        served.sendto(data[:2] + b"\x81\x80" + data[4:6] + counts[2:] + data[12:] + tail, asker)
        answers(rcode=dns.rcode.SERVFAIL)(served, data, asker)

    with answering(garbage) as port:
        lookout = Lookout(tmp_path, [port])
        try:
            [seen] = lookout.look(by())
        finally:
            lookout.driver.close()
    assert seen.verdict in {Verdict.UP, Verdict.DOWN}
    assert len(seen.detail) <= 200
    assert seen.detail.isprintable()


def test_what_is_left_of_a_look_is_one_of_few_lengths(stack: ExitStack, tmp_path: Path) -> None:
    """By a real clock hardly two looks have the same time left; the driver keeps a list for each length."""
    (tmp_path / "hosts").write_text(f"192.0.2.7 {NAME}\n")
    lookout = Lookout(tmp_path, ())
    stack.callback(lookout.driver.close)
    lookout.names = Names(lookout.driver, SystemClock(), (), tmp_path)
    for _ in range(20):
        lookout.look(by())
    assert set(lookout.left_s) == {10.0}
