"""A process that was stopped (SIGSTOP, a suspended machine, a long swap) and wakes when another has taken over does nothing."""

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest
from store_samples import NOW_S, WAIT_S, ask, lapse, opened, run, working

from domain.reasons import Code
from store import journal, lease, outbox
from store.db import Store

HELD = "held"


def _hold(url: str, pipe: Connection) -> None:
    """Claim, say so, and at each word of the parent go on as if no time had passed."""
    store = opened(url)
    command = run()
    assert outbox.claim(store, command.key, "stopped", WAIT_S) is not None
    assert lease.take(store, "engine", "stopped", WAIT_S)
    pipe.send(HELD)
    pipe.recv()
    admission = ask(store, command, who="stopped")
    with store.write() as session:
        completed = outbox.complete(session, command.key, "stopped", "fixed", "", NOW_S)
        postponed = outbox.postpone(session, command.key, "stopped", 0.0, "")
        decides = lease.still(session, "engine", "stopped")
    renewed = outbox.renew(store, command.key, "stopped", WAIT_S)
    released = outbox.release(store, command.key, "stopped")
    pipe.send((str(admission.code), admission.attempt_id, completed, postponed, decides, renewed, released))
    store.close()


def _complete_slowly(url: str, pipe: Connection) -> None:
    """Never gets as far as its commit."""
    store = opened(url)
    with store.write() as session:
        assert outbox.complete(session, run().key, "us", "fixed", "", NOW_S)
        pipe.send(HELD)
        pipe.recv()


class Other:
    """Another process at a pipe."""

    def __init__(self, work: object, url: str) -> None:
        context = multiprocessing.get_context("forkserver")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(url, theirs))  # type: ignore[arg-type]
        self.process.start()

    def hear(self) -> object:
        assert self.pipe.poll(WAIT_S), "the other process says nothing"
        return self.pipe.recv()

    def signal(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have ended already
            self.signal(signal.SIGCONT)
        self.process.join(WAIT_S)
        assert self.process.exitcode == 0


@pytest.fixture
def holder(real_store: Store, store_url: str) -> Iterator[Other]:
    working(real_store, who=None)
    other = Other(_hold, store_url)
    assert other.hear() == HELD
    yield other
    other.end()


def test_a_stopped_holder_that_wakes_too_late_does_not_act(real_store: Store, holder: Other) -> None:
    holder.signal(signal.SIGSTOP)
    holder.pipe.send("go on")  # it will read this when it wakes
    lapse(real_store)
    assert outbox.claim(real_store, run().key, "successor", WAIT_S) is not None
    assert lease.take(real_store, "engine", "successor", WAIT_S)
    assert ask(real_store, run(), who="successor").code is Code.ADMITTED
    holder.signal(signal.SIGCONT)
    assert holder.hear() == (Code.GATE_CLAIM_LOST, None, False, False, False, False, False)
    with real_store.read() as session:
        found = [(attempt.claimer, attempt.code) for attempt in journal.attempts(session, run().key)]
    assert found == [("successor", Code.ADMITTED)], "the successor goes on by what is written there"


def test_one_that_wakes_after_its_lease_but_before_a_successor_does_not_act_either(real_store: Store, holder: Other) -> None:
    holder.signal(signal.SIGSTOP)
    holder.pipe.send("go on")
    lapse(real_store)
    holder.signal(signal.SIGCONT)
    said = holder.hear()
    assert isinstance(said, tuple)
    assert said[:2] == (Code.GATE_CLAIM_LOST, None)


def test_one_that_is_killed_inside_its_transaction_leaves_nothing(real_store: Store, store_url: str) -> None:
    working(real_store)
    other = Other(_complete_slowly, store_url)
    assert other.hear() == HELD
    other.signal(signal.SIGKILL)
    other.process.join(WAIT_S)
    assert ask(real_store, run()).code is Code.ADMITTED, "the lock is free, and the command was not completed"
