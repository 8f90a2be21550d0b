"""Hands with more to do than it may do at once, and hands that is to end in the middle of a run. Nobody watches here, so every run
waits at its first look."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local import Told, inventory, recoverable

from bed.host import make_key
from bed.plain import PlainHost, why_not
from domain.events import RunRequested
from engine.hands import RUNS_AT_ONCE
from store import inbox
from store.tables import CommandRow

NAMES = [f"web{number:02}" for number in range(RUNS_AT_ONCE + 4)]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Told]:
    if (why := why_not()) is not None:
        pytest.skip(why)
    with PlainHost() as web:
        web.authorize(make_key(tmp_path / "identity"))
        tree = inventory({"lost": 1})
        tree["hosts"] |= {name: recoverable(web, tmp_path / "identity") for name in NAMES}
        with Told(tmp_path, tree) as made:
            assert isinstance(made, Told)
            made.start("engine")
            made.until("the inventory to be accepted", made.version)
            yield made


def ask(local: Told, *hosts: str) -> None:
    with local.context.store.write() as session:
        for name in hosts:
            event = RunRequested(
                id=f"run-{name}", at_s=local.clock.now_s(), host=name, runbook="restart-service", by="first", reason="test"
            )
            inbox.insert(session, event)
    local.until("the runs to be decided", lambda: len(local.commands("Run")) == len(hosts))


def looking(local: Told) -> list[CommandRow]:
    return [row for row in local.commands("Look") if row.done_s is None]


def test_a_run_is_given_back_at_once_when_hands_ends_and_gone_on_with(local: Told) -> None:
    ask(local, NAMES[0])
    local.start("hands")
    local.until("its first look", lambda: looking(local))
    assert local.end("hands") == 0
    [run] = local.commands("Run")
    assert (run.claimed_by, run.done_s) == (None, None)
    local.start("watcher", "hands")
    local.until("the end of the run", lambda: local.commands("Run")[0].done_s is not None)
    assert local.commands("Run")[0].outcome == "fixed", "asked for by a person, so it restarts what is well, too"


def test_messages_do_not_wait_for_runs(local: Told) -> None:
    ask(local, *NAMES)
    local.start("hands")
    local.until("as many runs as may be at once", lambda: len(looking(local)) == RUNS_AT_ONCE)
    local.breaks("lost")
    local.until("the page", lambda: local.mails("first"))
    assert len(looking(local)) == RUNS_AT_ONCE
    assert len([row for row in local.commands("Run") if row.claimed_by is not None]) == RUNS_AT_ONCE
