"""The engine reads from the attempts what a run has booted: a run that nobody hears of again leaves no doubt (R22, R24)."""

from pathlib import Path

import pytest
from deciding import Deciding
from hand_clock import HandClock
from sample_policy import HOST

from domain import events as ev
from domain.observation import Verdict
from domain.reasons import Code
from engine.situation import state_of
from store.db import Store
from store.tables import Attempt


def attempt(engine: Deciding, command: str, number: int, boot: str, outcome: str | None) -> None:
    now_s, boot_s = engine.clock.at_s, engine.clock.boot_s
    with engine.store.write() as session:
        session.add(
            Attempt(
                id=f"a{number}", command=command, number=number, step=boot, action="power", effect="power", host=HOST,
                customer="aozora", claimer="us", intent_s=now_s, intent_boot_s=boot_s, code=Code.ADMITTED, outcome=outcome,
                before={"order": "cycle", "boot": boot, "state": "on"},
            )
        )  # fmt: skip


def left(engine: Deciding) -> bool:
    with engine.store.read() as session:
        return state_of(session, HOST).rescue


@pytest.mark.parametrize(("back", "expected"), [(None, True), ("failed", True), ("unreached", True), ("done", False)])
def test_a_lost_run_left_the_host_where_its_attempts_say(
    store: Store, clock: HandClock, tmp_path: Path, back: str | None, expected: bool
) -> None:
    engine = Deciding(store, clock, tmp_path)
    engine.happens(engine.verdict("e1", "http"))
    [run] = engine.commands("Run")
    attempt(engine, run.key, 1, "rescue", None)
    engine.happens(engine.verdict("e2", "http", Verdict.UP))
    assert left(engine), "while the run is out too"
    if back is not None:
        attempt(engine, run.key, 2, "disk", back)
    clock.sleep(4000.0)
    engine.decide()
    assert left(engine) is expected
    assert engine.incident is not None, "nothing has recovered that nobody has seen in its own system"
    assert (engine.incident.page is not None) is expected
    if expected:
        engine.happens(ev.OwnSystemRuns(id="e3", at_s=clock.at_s, host=HOST, by="first"))
        assert engine.codes("e3")[0] == Code.OWN_SYSTEM
        assert not left(engine)
    clock.sleep(300.0)
    engine.decide()
    assert engine.incident is None
