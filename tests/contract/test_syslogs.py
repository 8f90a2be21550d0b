"""Real senders of syslog, and worse ones: rsyslog and util-linux's logger by UDP and TCP, over IPv4 and IPv6 (C40)."""

import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hand_clock import HandClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from misbehaving import free_of_all

from probes.syslog_message import MAX_BYTES, Line, line
from watch.ears import canonical
from watch.syslogs import A_SECOND, FLOOD, OF_ONE, STRANGER, Receiver

LOOPBACKS = ("127.0.0.1", "::1")
BOTH = pytest.mark.parametrize("address", LOOPBACKS)
TEXT = "EXT4-fs error (device sda1): ext4_find_entry"
CONF = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log")
global(workDirectory="{folder}")
action(type="omfwd" target="127.0.0.1" port="{port}" protocol="udp" template="RSYSLOG_TraditionalForwardFormat")
action(type="omfwd" target="::1" port="{port}" protocol="udp" template="RSYSLOG_SyslogProtocol23Format")
action(type="omfwd" target="127.0.0.1" port="{port}" protocol="tcp" TCP_Framing="traditional")
action(type="omfwd" target="::1" port="{port}" protocol="tcp" TCP_Framing="octet-counted" template="RSYSLOG_SyslogProtocol23Format")
"""


@pytest.fixture
def ear() -> Iterator[Receiver]:
    receiver = Receiver(HandClock())
    receiver.known = frozenset(LOOPBACKS)
    receiver.open(LOOPBACKS, free_of_all())
    yield receiver
    receiver.close()


def heard(ear: Receiver, count: int, *, until: Callable[[], bool] = lambda: True) -> list[tuple[str, Line]]:
    """What came, once it is so many."""
    found: list[tuple[str, Line]] = []
    for _ in range(400):
        found += [(said.address, line(said.data)) for said in ear.turn(0.05)]
        if len(found) >= count and until():
            return found
    pytest.fail(f"only {found} came")


def quiet(ear: Receiver) -> list[tuple[str, Line]]:
    """All that comes until nothing does."""
    found, silent = [], 0
    while silent < 2:  # a connection comes before what it says
        said = ear.turn(0.05)
        found += [(one.address, line(one.data)) for one in said]
        silent = 0 if said else silent + 1
    return found


@contextmanager
def caller(ear: Receiver, address: str = "127.0.0.1", source: str = "") -> Iterator[socket.socket]:
    with socket.create_connection((address, ear.port), source_address=(source, 0) if source else None) as sock:
        yield sock


@BOTH
@pytest.mark.parametrize("way", [("-d",), ("-T",), ("-T", "--octet-count")])
@pytest.mark.parametrize("form", [("--rfc3164",), ("--rfc5424",), ("--rfc5424=notime,notq,nohost",)])
def test_logger(ear: Receiver, address: str, way: tuple[str, ...], form: tuple[str, ...]) -> None:
    argv = ["logger", "-n", address, "-P", str(ear.port), *way, *form, "-t", "kernel", "-p", "kern.err", TEXT]
    sending = subprocess.Popen(argv)
    assert heard(ear, 1, until=lambda: sending.poll() == 0) == [(address, Line("kernel", TEXT))]


def test_rsyslog(ear: Receiver, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(CONF.format(folder=tmp_path, port=ear.port))
    argv = ["rsyslogd", "-n", "-f", str(tmp_path / "conf"), "-i", str(tmp_path / "pid")]
    sender = subprocess.Popen(argv, stderr=subprocess.PIPE)
    try:
        while not (tmp_path / "log").exists():
            assert sender.poll() is None, sender.stderr and sender.stderr.read()
            ear.turn(0.05)
        for number in range(2):
            subprocess.run(["logger", "-u", tmp_path / "log", "-t", "kernel", f"{TEXT} {number}"], check=True)
        said = [one for one in heard(ear, 8) if one[1].app == "kernel"]
    finally:
        sender.terminate()
        sender.communicate()
    expected = [(address, Line("kernel", f"{TEXT} {number}")) for address in LOOPBACKS for number in range(2) for _ in range(2)]
    assert sorted(said) == sorted(expected), "each by both ways, in both formats"


def test_a_stranger_is_counted_and_not_read(ear: Receiver) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        for _ in range(3):
            sock.sendto(b"<3>kernel: I/O error, dev sda", ("127.0.0.1", ear.port))
    with caller(ear, source="127.0.0.3") as sock:
        assert quiet(ear) == []
        assert sock.recv(10) == b"", "it is hung up on"
    assert ear.refused.take() == f"3 from 127.0.0.2: {STRANGER}; 1 from 127.0.0.3: {STRANGER}"
    assert ear.refused.take() == ""


def test_so_many_strangers_are_counted_together(ear: Receiver) -> None:
    for number in range(200):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((f"127.0.1.{number}", 0))
            sock.sendto(b"x", ("127.0.0.1", ear.port))
        ear.turn(0.0)
    quiet(ear)
    assert len(ear.refused) <= 65
    assert ear.refused.total() == 200


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_flood_is_cut_off_and_leaves_room_for_others(ear: Receiver, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as flood, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        flood.connect(("127.0.0.1", ear.port))
        for number in range(1000):
            flood.send(b"<3>flood %d\n" % number)
        other.sendto(b"<3>quiet", ("::1", ear.port))
        said = quiet(ear)
    assert len([one for one in said if one[0] == "127.0.0.1"]) == A_SECOND
    assert ("::1", Line("", "quiet")) in said
    assert ear.refused["127.0.0.1", FLOOD] > 0


def test_it_is_heard_again_a_second_later() -> None:
    clock = HandClock()
    ear = Receiver(clock)
    ear.known = frozenset({"127.0.0.1"})
    ear.open(("127.0.0.1",), free_of_all())
    try:
        with caller(ear) as sock:
            sock.sendall(b"a\n" * 100)
            assert len(quiet(ear)) == A_SECOND
            clock.sleep(1.0)
            sock.sendall(b"b\n")
            assert len(quiet(ear)) == 1
    finally:
        ear.close()


def test_one_that_opens_many_connections_keeps_the_latest(ear: Receiver) -> None:
    socks = []
    for number in range(OF_ONE + 2):
        sock = socket.create_connection(("127.0.0.1", ear.port))
        socks.append(sock)
        sock.sendall(b"%d\n" % number)
        assert heard(ear, 1) == [("127.0.0.1", Line("", str(number)))]
    for sock in socks[:2]:
        assert sock.recv(10) == b""
    for sock in socks[2:]:
        sock.sendall(b"still\n")
    assert len(heard(ear, OF_ONE)) == OF_ONE
    for sock in socks:
        sock.close()
    quiet(ear)
    assert not ear._callers, "who has gone leaves nothing"


def test_one_without_end_costs_no_memory(ear: Receiver) -> None:
    with caller(ear) as sock:
        sock.setblocking(False)
        sent = 0
        while sent < 3_000_000:
            try:
                sent += sock.send(b"x" * 65_536)
            except BlockingIOError:
                assert len(ear.turn(0.01)) <= 1
            assert all(len(one.framer._buffer) <= MAX_BYTES for one in ear._callers.values())


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pieces=st.lists(st.binary(min_size=1, max_size=2000), max_size=5))
def test_any_bytes_are_borne(ear: Receiver, pieces: list[bytes]) -> None:
    with caller(ear) as sock, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
        for piece in pieces:
            sock.sendall(piece)
            other.sendto(piece, ("::1", ear.port))
        for _, read in quiet(ear):
            assert read.whole.isprintable()


def test_addresses_are_compared_as_one() -> None:
    assert canonical("::ffff:192.0.2.1") == "192.0.2.1"
    assert canonical("2001:DB8:0::1") == "2001:db8::1"
    assert canonical("fe80::1%eth0") == "fe80::1"


def test_a_port_that_is_taken(ear: Receiver) -> None:
    other = Receiver(HandClock())
    with pytest.raises(OSError, match="in use"):
        other.open(("127.0.0.1",), ear.port)
    assert not other.listens
