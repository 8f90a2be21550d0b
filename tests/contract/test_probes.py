"""What every kind of check promises, whatever the peer does. A new kind joins by a line in ``SAMPLES``."""

import json
import threading
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from driving import see
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_certificates import der
from misbehaving import Treatment, answers, closes_at_once, drips, endless, resets, says, serving, silent
from probe_talk import NOW_S, in_pieces, look, talk

from domain.model import FaultClass, Level
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.conversation import Conversation
from probes.nrpe import packet
from probes.reading import Reading
from probes.spec import Call, Connect, Echo, Given, Listen, Read, Send, StartTls, Talk

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nneedle"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnee\r\n3\r\ndle\r\n0\r\n\r\n"


LOGIN = {"tls": "none", "login": {"user": "u", "password": {"file": "/p"}}}


class Sample(NamedTuple):
    """``good`` is what a healthy peer sends; ``option`` names where the port goes ("" where the kind has none)."""

    options: Mapping[str, object]
    good: bytes
    port: str = "port"
    first: bool = True
    """The server speaks first."""


def mysql_packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


MYSQL_GREETING = b"\n11.0\0\1\0\0\0abcdefgh\0\xff\xf7\x2d\2\0\xff\x81\x15" + bytes(10) + b"ijklmnopqrst\0mysql_native_password\0"

HARDWARE = {"driver": "ipmi", "bmc": "192.0.2.110", "login": LOGIN["login"]}
FRAMED = frozenset({"mysql", "ldap", "logfile", "eventlog"})
"""What says beforehand how much will come, so that a few wrong bytes are enough to know."""
LDAP_OK = b"\x30\x0c\x02\x01%b\x07\x0a\x01\x00\x04\x00\x04\x00"
LISTENING: Mapping[str, Mapping[str, object]] = {
    "heartbeat": {"period": "15m"},
    "syslog": {},
    "alert": {"match": {"alertname": "DiskFull"}},
    "snmp-trap": {},
}
SAMPLES = {
    "ping": Sample({}, b"", port=""),
    "certificate": Sample({"starttls": "smtp"}, b"220 mail\r\n250 mail\r\n220 go\r\n"),
    # By datagram: what a healthy peer answers is in test_probes_datagrams.py
    "dns": Sample({"name": "www.example.com"}, b"", port=""),
    "ntp": Sample({}, b"", port=""),
    "logfile": Sample({"tls": "none"}, packet(2, 0, b"OK: no new line"), first=False),
    "eventlog": Sample({"tls": "none"}, packet(2, 0, b"OK: nothing"), first=False),
    "radius": Sample({"login": LOGIN["login"], "secret": {"env": "RS"}}, b"", port=""),
    "ssh": Sample({}, b"SSH-2.0-OpenSSH_9.2\r\n"),
    "tcp": Sample({"tls": "starttls"}, b"220 mail\r\n250 mail\r\n220 go\r\n"),
    "http": Sample({}, PAGE, port="url", first=False),
    "url": Sample({"contains": "needle"}, CHUNKED, port="url", first=False),
    "smtp": Sample(LOGIN, b"220 mail\r\n250 mail\r\n334 VXNlcg\r\n334 UGFzcw\r\n235 ok\r\n"),
    "pop3": Sample(LOGIN, b"+OK ready\r\n+OK\r\n+OK in\r\n"),
    "imap": Sample(LOGIN, b"* OK ready\r\n+ go\r\n+ go\r\n* CAPABILITY IMAP4rev1\r\nb OK in\r\n"),
    "ldap": Sample(
        {**LOGIN, "base": "dc=example", "filter": "(uid=*)"},
        LDAP_OK % b"\x02\x61" + b"\x30\x09\x02\x01\x03\x64\x04\x04\x00\x30\x00" + LDAP_OK % b"\x03\x65",
    ),
    "mysql": Sample({"database": "shop", "login": LOGIN["login"]}, mysql_packet(0, MYSQL_GREETING) + mysql_packet(2, bytes(7))),
    "ftp": Sample(LOGIN, b"220 ready\r\n331 so\r\n230-Hello\r\n you\r\n230 in\r\n"),
}
CLASSES = {
    "snmp-trap": FaultClass.RESOURCE,
    "ping": FaultClass.SERVER,
    "ssh": FaultClass.SERVER,
    "certificate": FaultClass.RESOURCE,
    "hardware": FaultClass.RESOURCE,
    "dbsize": FaultClass.RESOURCE,
    "syslog": FaultClass.RESOURCE,
    **dict.fromkeys(("logfile", "eventlog"), FaultClass.RESOURCE),
}
"""What is no service (R20, R22, R4)."""
LEVELS = {
    **dict.fromkeys(("hardware", "dbsize", "logfile", "eventlog", "snmp-trap"), Level.MINOR),
    "ping": Level.UNREACHABLE,
    "syslog": Level.WARNING,
}
"""What is another level than a service's (R1)."""
VALUES: dict[str, object] = {
    "levels": {2: 80, 3: 90.5},
    "threshold": 95,
    "reached": True,
    "partition": "/var",
    "interface": "eth0",
    "process": "nginx",
}
"""Of readings' options."""
TCP_KINDS = sorted(kind for kind, sample in SAMPLES.items() if sample.port)
KINDS = pytest.mark.parametrize("kind", TCP_KINDS)
LOOPBACKS = pytest.mark.parametrize("address", ["127.0.0.1", "::1"])


def options_for(kind: str, address: str, port: int) -> dict[str, object]:
    sample = SAMPLES[kind]
    host = f"[{address}]" if ":" in address else address
    where: object = f"http://{host}:{port}/" if sample.port == "url" else port
    return {**sample.options, sample.port: where}


def needed(kind: str) -> dict[str, object]:
    if isinstance(PROBES[kind].way, Reading):
        return {name: VALUES[name] for name in PROBES[kind].options if name in VALUES}
    if isinstance(PROBES[kind].way, Listen):
        return dict(LISTENING[kind])
    if kind == "dbsize":
        return {"system": "mysql", "allowance": "1 GiB", "database": "shop", "login": LOGIN["login"]}
    if isinstance(PROBES[kind].way, Call):
        return {"database": "shop", "login": LOGIN["login"]} if kind != "hardware" else dict(HARDWARE)
    assert kind in SAMPLES, f"{kind} needs a line in SAMPLES: what a healthy peer sends"
    return {"port": 25, **SAMPLES[kind].options} if kind == "tcp" else dict(SAMPLES[kind].options)


def test_every_kind_has_a_sample() -> None:
    assert sorted(SAMPLES) == sorted(kind for kind, spec in PROBES.items() if isinstance(spec.way, Talk))


@pytest.mark.parametrize("kind", sorted(PROBES))
class TestSpec:
    def test_says_what_it_is(self, kind: str) -> None:
        """Time-outs of C10-C13 and C33; levels of R1."""
        spec = PROBES[kind]
        assert spec.name == kind
        assert spec.doc
        assert spec.source.startswith("C")
        assert spec.timeout_s == {"ping": 5.0, "radius": 30.0}.get(kind, 10.0)
        if isinstance(spec.way, Reading):
            assert spec.fault_class is FaultClass.RESOURCE, "R4: what an agent tells of itself is no ground to restart anything"
            return
        assert spec.level is LEVELS.get(kind, Level.SERVICE_DOWN)
        assert spec.fault_class is CLASSES.get(kind, FaultClass.SERVICE)

    def test_options_survive_the_store(self, kind: str) -> None:
        """A parsed value is plain, and parsed again it is the same; so is a default."""
        spec = PROBES[kind]
        account = {"user": "u", "password": {"file": "/p"}}
        values = {**needed(kind), "auth": account, "login": account, "ca_file": "/ca.pem", "verify": False}
        for name, option in spec.options.items():
            assert option.doc
            parsed = option.parse(values[name]) if name in values else option.default
            if parsed is not None:
                assert option.parse(json.loads(json.dumps(parsed))) == parsed

    def test_wrong_options_are_told_what_would_be_right(self, kind: str) -> None:
        for option in PROBES[kind].options.values():
            wrong: object
            for wrong in (None, b"x", "", 0.5, [], {}, -1, "a\nb" * 500):
                with pytest.raises(ValueError, match=r"\w+ \w+"):
                    option.parse(wrong)


@KINDS
class TestWithoutSockets:
    def test_a_good_answer_is_up(self, kind: str) -> None:
        sample = SAMPLES[kind]
        pieces = [sample.good]
        if kind in {"tcp", "certificate"}:  # nothing comes ahead of the handshake; a certificate comes after it
            pieces = [*(line + b"\n" for line in sample.good.split(b"\n")[:-1]), der(NOW_S + 1e7)]
        seen = talk(look(kind, needed(kind)), pieces).seen
        assert seen is not None
        assert seen.verdict is Verdict.UP

    @given(data=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2500), max_size=8))
    def test_random_bytes_always_end_in_a_verdict(self, kind: str, data: bytes, cuts: list[int]) -> None:
        _judge(kind, in_pieces(data, *cuts))

    @given(data=st.data(), cuts=st.lists(st.integers(0, 500), max_size=8))
    def test_a_damaged_good_answer_always_ends_in_a_verdict(self, kind: str, data: st.DataObject, cuts: list[int]) -> None:
        good = bytearray(SAMPLES[kind].good * 2)
        for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=4)):
            good[at] = data.draw(st.integers(0, 255))
        _judge(kind, in_pieces(bytes(good[: data.draw(st.integers(0, len(good)))]), *cuts))

    def test_an_endless_peer_is_judged_in_bounded_memory(self, kind: str) -> None:
        for piece in (b"A" * 65_536, b"A: b\r\n" * 10_000, b"\r\n" * 30_000, b"220-x\r\n" * 9_000, b"1\r\nx\r\n" * 10_000):
            head = SAMPLES[kind].good.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if SAMPLES[kind].port == "url" else b""
            for first in (b"", head):
                most = _most_kept(kind, first, piece)
                assert most <= 1_048_577 + 2 * 65_536


def _judge(kind: str, pieces: list[bytes]) -> None:
    """A plaintext end must follow at once. Redirects and STARTTLS may make it wish for a second connection, which is silent."""
    seen = talk(look(kind, needed(kind)), [*pieces, b"", b""]).seen
    assert seen is not None
    assert seen.verdict in {Verdict.UP, Verdict.DOWN}
    assert len(seen.detail) <= 200
    assert seen.detail.isprintable()


def _most_kept(kind: str, first: bytes, piece: bytes) -> int:
    """The most bytes the conversation held until it came to a verdict on an endless stream of ``piece``."""
    conversation = Conversation(look(kind, needed(kind)))
    step, most, fed = conversation.begin(), 0, 0
    while not isinstance(step, Observation):
        if isinstance(step, Connect | StartTls | Send | Echo):
            step = conversation.done()
            continue
        if isinstance(step, Given):
            step = conversation.answered(b"")
            continue
        assert isinstance(step, Read)
        step = conversation.fed(piece if fed else first + piece)
        fed += 1
        most = max(most, conversation.held)
        assert fed < 50, "it never ends"
    return most


def treat(kind: str, data: bytes, then: Treatment = closes_at_once) -> Treatment:
    return says(data, then) if SAMPLES[kind].first else answers(data, then)


@KINDS
@LOOPBACKS
class TestOverSockets:
    def test_silence_is_down_when_its_time_is_over(self, kind: str, address: str) -> None:
        with serving(silent, address) as server:
            seen = see(kind, options_for(kind, address, server.port), address, timeout_s=0.3)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith("no complete ")
        assert seen.detail.endswith(" within 0.3 s")
        assert seen.latency_ms is not None
        assert seen.latency_ms >= 300

    def test_a_peer_that_hangs_up_is_down(self, kind: str, address: str) -> None:
        for hang_up in (closes_at_once, resets):
            with serving(hang_up, address) as server:
                seen = see(kind, options_for(kind, address, server.port), address)
            assert seen.verdict is Verdict.DOWN
            assert seen.detail.startswith(("closed the connection before its", "connection reset"))

    def test_half_an_answer_is_down(self, kind: str, address: str) -> None:
        half = SAMPLES[kind].good[: 8 if kind != "url" else -8]
        with serving(treat(kind, half), address) as server:
            seen = see(kind, options_for(kind, address, server.port), address)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.startswith(("closed the connection before its", "connection reset"))

    def test_an_endless_peer_is_down(self, kind: str, address: str) -> None:
        with serving(endless, address) as server:
            seen = see(kind, options_for(kind, address, server.port), address)
        assert seen.verdict is Verdict.DOWN
        assert "longer than" in seen.detail or kind in FRAMED

    def test_garbage_is_down(self, kind: str, address: str) -> None:
        with serving(treat(kind, b"\x16\x03\x01\x02\0\r\n\r\n" * 40), address) as server:
            seen = see(kind, options_for(kind, address, server.port), address)
        assert seen.verdict is Verdict.DOWN

    def test_a_slow_drip_hits_the_time_of_the_whole_look(self, kind: str, address: str) -> None:
        with serving(treat(kind, b"", drips(b"x", pause_s=0.05)), address) as server:
            seen = see(kind, options_for(kind, address, server.port), address, timeout_s=0.5)
        assert seen.verdict is Verdict.DOWN
        assert seen.detail.endswith("within 0.5 s") or kind in FRAMED

    def test_a_closed_port_is_refused(self, kind: str, address: str) -> None:
        with serving(silent, address) as server:
            port = server.port
        seen = see(kind, options_for(kind, address, port), address)
        assert (seen.verdict, seen.detail) == (Verdict.DOWN, "connection refused")


@pytest.mark.parametrize("kind", ["ssh", "http", "url"])
@LOOPBACKS
def test_a_good_answer_over_a_socket_is_up(kind: str, address: str) -> None:
    with serving(treat(kind, SAMPLES[kind].good, silent), address) as server:
        seen = see(kind, options_for(kind, address, server.port), address)
    assert seen.verdict is Verdict.UP
    assert seen.latency_ms is not None


def test_a_body_shorter_than_its_length_is_down() -> None:
    with serving(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nneedle")) as server:
        seen = see("url", options_for("url", "127.0.0.1", server.port))
    assert (seen.verdict, seen.detail) == (Verdict.DOWN, "closed the connection before its body of 99 bytes")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=4000))
def test_random_bytes_over_sockets(data: bytes) -> None:
    with serving(says(data)) as server:
        for kind in TCP_KINDS:
            assert see(kind, options_for(kind, "127.0.0.1", server.port)).verdict in {Verdict.UP, Verdict.DOWN}
    assert threading.active_count() < 20, "the server left threads behind"
