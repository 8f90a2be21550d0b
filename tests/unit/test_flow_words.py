"""What flow runs say of themselves, apart from Prefect's server."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.events import RunEnded, RunOutcome
from domain.reasons import Code
from engine.claim import Taken
from engine.requests import Answer
from flows import catalogue, serve
from flows.asking import answered
from flows.pause import local_start
from flows.performing import done_elsewhere, ending, tell_outcome


def ended(outcome: RunOutcome, code: Code | None = None) -> RunEnded:
    return RunEnded(
        id="x", at_s=0, host="web01", run="run", outcome=outcome, acted=True, by="flow:a", detail="verify: down", code=code
    )


@pytest.mark.parametrize(
    ("outcome", "code", "kind", "name", "message"),
    [
        (RunOutcome.FIXED, None, "COMPLETED", "Recovered", "verify: down"),
        (RunOutcome.GONE, None, "COMPLETED", "Gone", "the fault was gone before anything was done: verify: down"),
        (RunOutcome.REFUSED, Code.GATE_HOLD, "COMPLETED", "Held", "gate_hold"),
        (RunOutcome.REFUSED, Code.GATE_HOLD_ALL, "COMPLETED", "Held", "gate_hold_all"),
        (RunOutcome.REFUSED, Code.GATE_STOP_FILE, "COMPLETED", "Held", "gate_stop_file"),
        (RunOutcome.REFUSED, Code.GATE_PAUSE, "COMPLETED", "Refused", "gate_pause"),
        (RunOutcome.NOT_FIXED, None, "FAILED", "Not recovered", "handed to people: verify: down"),
        (RunOutcome.UNKNOWN, None, "FAILED", "Unknown", "a person must look: verify: down"),
        (RunOutcome.LOST, None, "FAILED", "Lost", "a person must look: verify: down"),
    ],
)
def test_how_a_run_ends_is_its_state(outcome: RunOutcome, code: Code | None, kind: str, name: str, message: str) -> None:
    state = ending(ended(outcome, code)).state
    assert (state.type, state.name, state.message) == (kind, name, message)


def test_no_run_of_ours_says_that_it_was_cancelled() -> None:
    """That would be a hold, which only a person sets."""
    assert {ending(ended(outcome)).state.type for outcome in RunOutcome} <= {"COMPLETED", "FAILED"}


@pytest.mark.parametrize(
    ("taken", "kind", "message"),
    [
        (Taken("hands:1", "fixed"), "COMPLETED", "was done (fixed) by hands:1"),
        (Taken("hands:1", None), "COMPLETED", "is being done by hands:1"),
        (Taken("nobody: there is no such command", "unknown"), "FAILED", "nobody: there is no such command"),
    ],
)
def test_a_run_that_comes_too_late_says_who_did_it(taken: Taken, kind: str, message: str) -> None:
    state = done_elsewhere(taken)
    assert (state.type, state.message) == (kind, message)


@pytest.mark.parametrize(
    ("outcome", "bad"), [("sent", False), ("written", False), ("taken", False), ("failed", True), ("postponed", True)]
)
def test_a_message_that_did_not_go_out_is_a_failed_task(outcome: str, bad: bool) -> None:
    assert tell_outcome(outcome).bad is bad


def test_an_engine_that_is_away_is_said() -> None:
    state = answered(Answer("x", decided=False), "UTC")
    assert (state.type, state.name) == ("FAILED", "Unanswered")


NOON_UTC = datetime(2031, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("start", "local"),
    [
        (None, "2031-05-04T21:00:00"),
        (NOON_UTC, "2031-05-04T21:00:00"),
        (NOON_UTC.astimezone(timezone(timedelta(hours=-7))), "2031-05-04T21:00:00"),
        (datetime(2031, 5, 4, 12), "2031-05-04T12:00:00"),  # noqa: DTZ001 - what a form without a time zone gives
    ],
)
def test_a_pause_begins_at_the_customers_wall_time(start: datetime | None, local: str) -> None:
    assert local_start(start, "Asia/Tokyo", NOON_UTC.timestamp()) == local


def test_the_executor_serves_all_flows_of_the_catalogue() -> None:
    assert set(serve.NAMES) == set(catalogue.FLOWS)


@pytest.mark.parametrize("name", serve.NAMES)
def test_every_field_of_a_form_is_explained(name: str) -> None:
    flow = catalogue.FLOWS[name]
    assert flow.description
    assert [field for field, schema in flow.parameters.properties.items() if not schema.get("description")] == []
    assert flow.isasync
