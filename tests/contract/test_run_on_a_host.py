"""A run's action against a real sshd, with the engine's decisions and the clock in the test's hands: when it is done, when not,
and who may say how it went (R26)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_scene import Scene, end, restart
from fixtures_ssh import SshServer
from sqlmodel import select

from domain.commands import Message, Report, Run
from domain.events import HoldSet, RunOutcome
from domain.model import Host, Secret
from domain.procedure import StepOutcome
from domain.reasons import Code
from engine import knowing
from engine.acting import INTENT_FRESH_S, LIMIT_PATIENCE_S, LIMIT_RETRY_S
from engine.claim import LostError, StoppedError
from store import inbox, journal, outbox
from store.codec import decode
from store.tables import Attempt, HoldRow


@pytest.mark.parametrize(("passed_s", "outcome"), [(INTENT_FRESH_S, StepOutcome.DONE), (INTENT_FRESH_S + 0.1, StepOutcome.LATE)])
def test_an_effect_starts_soon_after_its_intent_or_not_at_all(scene: Scene, passed_s: float, outcome: StepOutcome) -> None:
    """However far the way to the host was gone already."""
    session = scene.before_the_restart()
    scene.at_the_door = lambda: scene.passes(passed_s)
    assert restart(session).outcome is outcome
    session.close()
    assert len(scene.restarts()) == (1 if outcome is StepOutcome.DONE else 0)
    assert [(item.outcome, item.code) for item in scene.attempts()] == [(outcome, Code.ADMITTED)]


def test_an_effect_does_not_start_once_the_claim_is_over(
    tmp_path: Path, sshd_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, sshd_server, monkeypatch, lease_s=INTENT_FRESH_S - 1)
    session = scene.before_the_restart()
    scene.at_the_door = lambda: scene.passes(INTENT_FRESH_S - 0.5)
    assert restart(session).outcome is StepOutcome.LATE
    session.close()
    assert scene.restarts() == []
    scene.context.close()


def test_what_a_successor_has_taken_over_is_settled_by_him_alone(scene: Scene) -> None:
    """A stopped holder wakes: it neither acts nor says how an attempt ended that may be its successor's by now."""
    session = scene.before_the_restart()

    def stopped() -> None:
        scene.passes(60.0)
        assert outbox.claim(scene.store, session.run.key, "successor", 60.0) is not None

    scene.at_the_door = stopped
    with pytest.raises(LostError):
        restart(session)
    session.close()
    assert scene.restarts() == []
    assert [item.outcome for item in scene.attempts()] == [None]
    with pytest.raises(LostError):
        session.settle_open_attempts()
    assert [item.outcome for item in scene.attempts()] == [None]
    scene.at_the_door = None
    successor = scene.claimed(session.run.key, "successor")
    assert [item.outcome for item in scene.attempts()] == [StepOutcome.UNKNOWN]
    assert end(scene, successor).outcome is RunOutcome.UNKNOWN
    assert "run_unknown" in scene.codes()


def test_we_never_trust_a_claim_longer_than_the_store_does(scene: Scene) -> None:
    """However long it takes until the store has heard of it."""
    key = scene.run_is_out()
    told = scene.clock.boottime_s

    def slow() -> float:
        scene.clock.boot_s += 1.0
        return told()

    scene.clock.boottime_s = slow  # type: ignore[method-assign]
    session = scene.claimed(key)
    scene.clock.boottime_s = told  # type: ignore[method-assign]
    [run] = scene.commands("Run")
    assert run.lease_until_s is not None
    scene.clock.boot_s = run.lease_until_s - 0.5
    assert not session._lease.valid
    session.close()


MOVED: dict[str, Callable[[Host], Host | None]] = {
    "another address": lambda host: replace(host, address="127.0.0.2"),
    "another login": lambda host: replace(host, ssh=replace(host.ssh, user="another")) if host.ssh is not None else None,
    "another customer": lambda host: replace(host, customer="another"),
    "another service": lambda host: replace(host, checks=(replace(host.checks[0], service="apache2.service"),)),
}


@pytest.mark.parametrize("how", MOVED)
def test_a_host_that_changed_under_a_run_is_not_acted_on_and_a_person_hears_of_it(scene: Scene, how: str) -> None:
    session = scene.before_the_restart()
    scene.holds(MOVED[how](scene.host))
    result = restart(session)
    assert (result.outcome, result.code) == (StepOutcome.REFUSED, Code.GATE_TARGET_CHANGED)
    assert scene.restarts() == []
    assert end(scene, session).outcome is RunOutcome.REFUSED
    told = "host_moved" if how == "another customer" else "gate_target_changed"
    assert told in [item.facts["reason"] for item in scene.told() if item.audience == "operator"]
    assert len(scene.commands("Run")) == 1


def test_a_host_that_left_under_a_run_is_not_acted_on(scene: Scene) -> None:
    session = scene.before_the_restart()
    scene.holds(None)
    assert restart(session).code == Code.NOT_WATCHED
    session.close()
    assert scene.restarts() == []


def test_what_was_done_to_a_host_that_is_another_one_by_now_is_asked_of_a_person(scene: Scene) -> None:
    """The host that would be looked at is not the one that was acted on."""
    session = scene.before_the_restart()

    def killed() -> None:
        raise KeyboardInterrupt

    scene.at_the_door = killed
    with pytest.raises(KeyboardInterrupt):
        restart(session)
    session.close()
    scene.at_the_door = None
    scene.passes(60.0)
    looked = len(scene.server.commands())
    scene.holds(replace(scene.host, address="127.0.0.2"))
    successor = scene.claimed(session.run.key, "successor")
    assert len(scene.server.commands()) == looked
    [attempt] = scene.attempts()
    assert (attempt.outcome, attempt.detail) == ("unknown", "the host or the runbook has changed since; a person must look")
    successor.close()


def test_a_hold_needs_no_engine(scene: Scene) -> None:
    """It is asked for, and while the engine is away nobody has taken it in."""
    session = scene.before_the_restart()
    step = session.next()
    assert step is not None
    with scene.store.write() as writing:
        inbox.insert(writing, HoldSet(id="h", at_s=scene.clock.now_s(), host="web01", by="first"))
    assert session.perform(step).code == Code.GATE_HOLD
    session.close()
    with scene.store.read() as reading:
        assert reading.exec(select(HoldRow)).all() == []
    assert scene.restarts() == []


class TestWaitingForAPlace:
    """Two actions at once are the limit; two others are going on."""

    @pytest.fixture
    def scene(self, tmp_path: Path, sshd_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
        made = Scene(tmp_path, sshd_server, monkeypatch, lease_s=900)
        yield made
        made.context.close()

    def others(self, scene: Scene) -> list[str]:
        with scene.store.write() as session:
            for number in (2, 3):
                key = f"web0{number}/run"
                run = Run(
                    key=key, incident=None, host=f"web0{number}", runbook="r", checks=("c",), service=None, requested_by="engine"
                )
                outbox.put(session, run)
                session.add(
                    Attempt(
                        id=f"other-{number}",
                        command=key,
                        number=1,
                        step="s",
                        action="a",
                        host=f"web0{number}",
                        customer="acme",
                        claimer="them",
                        intent_s=0.0,
                        intent_boot_s=0.0,
                        code=Code.ADMITTED,
                    )
                )
        return ["other-2", "other-3"]

    def test_it_goes_on_when_there_is_one(self, scene: Scene) -> None:
        session = scene.before_the_restart()
        [one, _] = self.others(scene)
        began_s = scene.clock.boot_s

        def ends() -> None:
            if scene.clock.boot_s >= began_s + 100:
                with scene.store.write() as writing:
                    journal.settle(writing, one, "done", "", scene.clock.now_s())

        scene.clock.meanwhile = ends
        assert restart(session).outcome is StepOutcome.DONE
        session.close()
        assert scene.clock.boot_s == began_s + 100
        assert [item.outcome for item in scene.attempts()] == ["done"], "asking again is no attempt"

    def test_what_it_acts_on_by_then_is_looked_at_anew(self, scene: Scene) -> None:
        """A login that was made before the wait is long dead, and what was seen of the host no longer true."""
        session = scene.before_the_restart()
        others = self.others(scene)

        def restarts_by_itself() -> None:
            scene.server.hang_up()
            scene.server.script("systemctl", "printf 'LoadState=loaded\\nActiveState=failed\\nInvocationID=bbbb\\n'")
            with scene.store.write() as writing:
                for other in others:
                    journal.settle(writing, other, "done", "", scene.clock.now_s())

        scene.clock.meanwhile = restarts_by_itself
        assert restart(session).outcome is StepOutcome.DONE
        session.close()
        [attempt] = scene.attempts()
        assert (attempt.before["InvocationID"], len(scene.restarts())) == ("bbbb", 1)

    def test_a_host_that_is_gone_by_then_was_not_reached(self, scene: Scene) -> None:
        session = scene.before_the_restart()
        others = self.others(scene)

        def ends() -> None:
            scene.server.stop()
            with scene.store.write() as writing:
                for other in others:
                    journal.settle(writing, other, "done", "", scene.clock.now_s())

        scene.clock.meanwhile = ends
        assert restart(session).outcome is StepOutcome.UNREACHED
        session.close()
        assert [item.outcome for item in scene.attempts()] == ["unreached"]
        assert scene.restarts() == []

    def test_but_not_for_ever(self, scene: Scene) -> None:
        session = scene.before_the_restart()
        self.others(scene)
        began_s, asked = scene.clock.boot_s, len(scene.clock.slept)
        result = restart(session)
        assert (result.outcome, result.code) == (StepOutcome.REFUSED, Code.GATE_LIMIT)
        assert scene.clock.boot_s - began_s == LIMIT_PATIENCE_S
        assert len(scene.clock.slept) - asked == LIMIT_PATIENCE_S / LIMIT_RETRY_S
        assert [item.code for item in scene.attempts()] == [Code.GATE_LIMIT]
        assert end(scene, session).code == Code.GATE_LIMIT
        assert scene.restarts() == []

    def test_and_a_successor_waits_on(self, scene: Scene) -> None:
        session = scene.before_the_restart()
        others = self.others(scene)
        scene.clock.meanwhile = scene.stop.set
        with pytest.raises(StoppedError):
            restart(session)
        session.close()
        assert outbox.release(scene.store, session.run.key, "us")
        scene.stop.clear()
        with scene.store.write() as writing:
            for other in others:
                journal.settle(writing, other, "done", "", scene.clock.now_s())
        successor = scene.claimed(session.run.key, "successor")
        assert restart(successor).outcome is StepOutcome.DONE
        successor.close()


def test_the_whole_run(scene: Scene) -> None:
    """It stays down, so people get it; the restart went out once, and exactly as it stands in the journal."""
    session = scene.before_the_restart()
    result = restart(session)
    while (step := session.next()) is not None:
        session.perform(step)
    assert end(scene, session).outcome is RunOutcome.NOT_FIXED
    assert scene.restarts() == ["sudo -n systemctl restart nginx.service"]
    assert result.command_line == scene.restarts()[0]
    look, *found_out, act, seen = scene.server.commands()
    assert scene.attempts()[0].command_line.split(" && ") == [look, act, seen]
    assert found_out == ["cat /usr/local/psa/version"], "once for each host"
    assert dict(knowing.known(scene.context, scene.host)) == {"init": "systemd", "panel": "none"}
    assert scene.codes().count("run_not_fixed") == 1
    assert [decode(Report, row.payload) for row in scene.commands("Report")] == []
    [page] = [notify for notify in scene.told() if notify.message is Message.PAGE]
    told = str(page.facts["outcome_detail"])
    assert told.startswith("restart done: restarted; "), "who is paged reads what was done, though it went well"
    assert "; verify: web01/http down" in told


def test_whoever_is_paged_reads_what_stood_in_the_way(scene: Scene) -> None:
    """Not only that the fault is still there: that is known. And the page is not held up by looking for what nobody did."""
    assert scene.host.ssh is not None
    scene.holds(replace(scene.host, ssh=replace(scene.host.ssh, identity=Secret("file", "/gone/id_ed25519"))))
    session = scene.before_the_restart()
    assert restart(session).outcome is StepOutcome.UNREACHED
    began_s = scene.clock.now_s()
    step = session.next()
    assert step is not None
    session.perform(step)
    ended = end(scene, session)
    assert ended.detail.startswith("restart could not be begun, the host was not reached: the private key (file /gone/id_ed25519)")
    assert "; verify: web01/http down" in ended.detail
    assert scene.clock.now_s() - began_s < step.step.every_s
    [page] = [notify for notify in scene.told() if notify.message is Message.PAGE]
    assert page.facts["outcome_detail"] == ended.detail
