"""What a run tries again: a step that is safe to repeat, and a host that is not reached yet. With a real sshd, and the clock in the
test's hands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_scene import Scene, end
from fixtures_ssh import SshServer

from domain.events import RunOutcome
from domain.procedure import StepOutcome
from engine.acting import REACH_RETRY_S

RUNBOOK = """
title: {en: Look at it and restart it, ja: 調査と再起動}
budget_s: 1200
steps:
  - id: look
    action: look
  - id: diagnose
    action: diagnose
    retry: {attempts: 3, every_s: 30}
  - id: restart
    action: restart_service
    reach_s: 300
    when: {diagnose: DIAGNOSED}
  - id: verify
    action: look
"""


@pytest.fixture
def scene(tmp_path: Path, sshd_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    made = Scene(tmp_path, sshd_server, monkeypatch, lease_s=900)
    yield made
    made.context.close()


def answers_after(scene: Scene, seconds: float) -> None:
    """The host is off, and comes up while the run waits."""
    scene.server.stop()
    from_s = scene.clock.boot_s + seconds

    def meanwhile() -> None:
        scene.goes_on()
        if scene.clock.boot_s >= from_s:
            scene.clock.meanwhile = scene.goes_on
            scene.server.start()

    scene.clock.meanwhile = meanwhile


def test_a_step_that_is_safe_to_repeat_is_tried_until_it_is_done(scene: Scene) -> None:
    session = scene.asked_for(RUNBOOK.replace("DIAGNOSED", "done"))
    answers_after(scene, 20)
    while (step := session.next()) is not None:
        session.perform(step)
    tries = scene.attempts("diagnose")
    assert [item.outcome for item in tries] == [StepOutcome.UNREACHED, StepOutcome.DONE], "and not a third time"
    assert tries[1].intent_boot_s - tries[0].intent_boot_s == 30
    assert [item.outcome for item in scene.attempts("restart")] == [StepOutcome.DONE], "the last try counts"
    assert end(scene, session).outcome is RunOutcome.NOT_FIXED


def test_and_no_oftener_than_the_step_says(scene: Scene) -> None:
    session = scene.asked_for(RUNBOOK.replace("DIAGNOSED", "done"))
    scene.server.stop()
    while (step := session.next()) is not None:
        session.perform(step)
    assert [item.outcome for item in scene.attempts("diagnose")] == [StepOutcome.UNREACHED] * 3
    assert scene.attempts("restart") == []
    ended = end(scene, session)
    assert (ended.outcome, ended.acted) == (RunOutcome.NOT_FIXED, False)


def test_a_host_that_answers_only_after_some_seconds_is_waited_for_and_acted_on_once(scene: Scene) -> None:
    session = scene.asked_for(RUNBOOK.replace("DIAGNOSED", "[done, unreached]"))
    scene.server.stop()
    while (step := session.next()) is not None and step.step.id != "restart":
        session.perform(step)
    assert step is not None
    answers_after(scene, 20)
    waited = len(scene.clock.slept)
    result = session.perform(step)
    session.close()
    assert result.outcome is StepOutcome.DONE
    assert scene.clock.slept[waited:] == [REACH_RETRY_S] * 7
    assert [item.outcome for item in scene.attempts("restart")] == [StepOutcome.DONE], "a try to reach it is no attempt"
    assert scene.restarts() == ["sudo -n systemctl restart nginx.service"]
