"""Many datagrams with one call, over real sockets."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes import chance
from watch.icmp import _checksum
from watch.mmsg import MANY, MAX_BYTES, Mail, peer

FAMILIES = pytest.mark.parametrize(("family", "address"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def opened(stack: ExitStack, family: socket.AddressFamily, address: str) -> tuple[socket.socket, bytes]:
    """A socket, and how it is called."""
    made = stack.enter_context(socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
    made.bind((address, 0))
    return made, peer(family, address, made.getsockname()[1])


@FAMILIES
def test_each_comes_whole_and_from_whom_it_is(stack: ExitStack, family: socket.AddressFamily, address: str) -> None:
    mail = Mail()
    (one, one_called), (other, other_called) = opened(stack, family, address), opened(stack, family, address)
    said = [bytes([number]) * number * 3 for number in range(MANY)]
    for _ in range(2):  # what was there before is not in the way
        assert mail.send(one.fileno(), [(other_called, data) for data in said]) == (MANY, [])
        assert mail.receive(other.fileno(), family) == [(one_called, data) for data in said]
        assert mail.receive(other.fileno(), family) == []


def test_the_longest_there_can_be(stack: ExitStack) -> None:
    one, called = opened(stack, socket.AF_INET, "127.0.0.1")
    data = os.urandom(MAX_BYTES - 28)
    mail = Mail()
    mail.send(one.fileno(), [(called, data)])
    assert mail.receive(one.fileno(), socket.AF_INET) == [(called, data)]


def test_what_the_system_will_not_send_keeps_back_no_other(stack: ExitStack) -> None:
    one, called = opened(stack, socket.AF_INET, "127.0.0.1")
    nowhere = peer(socket.AF_INET, "255.255.255.255", 9)  # may only be sent to by whoever asks for that
    mail = Mail()
    packets, refused = mail.send(one.fileno(), [(called, b"a"), (nowhere, b"b"), (called, b"c"), (nowhere, b"d")])
    assert packets == 4
    assert [(place, error.errno) for place, error in refused] == [(1, errno.EACCES), (3, errno.EACCES)]
    assert [data for _, data in mail.receive(one.fileno(), socket.AF_INET)] == [b"a", b"c"]


def test_what_has_no_room_is_left_for_later(stack: ExitStack) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    stack.enter_context(one)
    stack.enter_context(other)
    mail = Mail()
    packets, refused = mail.send(one.fileno(), [(b"", b"x" * 1000)] * MANY)
    assert 0 < packets < MANY
    assert refused == []


def test_tokens_are_nobody_elses() -> None:
    drawn = [chance.token() for _ in range(1000)]
    assert {len(token) for token in drawn} == {chance.BYTES}
    assert len(set(drawn)) == 1000


def test_a_process_that_was_forked_draws_its_own() -> None:
    chance.token()
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writing, b"".join(chance.token() for _ in range(100)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100 * chance.BYTES)
    os.close(reading)
    os.close(writing)
    ours = {chance.token() for _ in range(100)}
    assert not ours & {theirs[at : at + chance.BYTES] for at in range(0, len(theirs), chance.BYTES)}


@given(st.integers(1, 3 * 65_535), st.binary(max_size=80))
def test_the_checksum_makes_the_sum_of_all_words_right(head: int, payload: bytes) -> None:
    """RFC 1071: with it, their one's complement sum is all ones."""
    even = payload + b"\0" * (len(payload) % 2)
    total = head + _checksum(head, payload) + sum(int.from_bytes(even[at : at + 2], "big") for at in range(0, len(even), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    assert total == 0xFFFF
