"""R26: no history lets a runbook act on its own that was not approved as it is, or whose last cure did not last."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from sample_policy import CUSTOMER, HOST, HTTP, RESTART, SMTP, policy

from domain import events as ev
from domain.commands import Run
from domain.incident import step
from domain.observation import Verdict
from domain.procedure import Procedure, Step
from domain.state import HostState, Situation
from domain.trust import NO_TRUST, End, Rate, Standing, Trust, end_of, rate, standing, unreached

VERSIONS = ("a", "b")


def test_a_step_that_a_rehearsal_left_undone_was_not_reached() -> None:
    steps = (Step("look", "look"), *(Step(name, "restart_service") for name in ("first", "refused", "failed", "never")))
    procedure = replace(policy().procedures[RESTART], steps=steps)
    tried = [("look", "down"), ("first", "done"), ("refused", "refused"), ("failed", "failed")]
    assert unreached(procedure, tried) == ("refused", "never")


def test_only_the_very_version_that_was_approved_stands() -> None:
    runbook = policy().procedures[RESTART]
    approved = Trust(frozenset({(RESTART, runbook.version)}))
    assert standing(approved, runbook) is Standing.APPROVED
    assert standing(approved, replace(runbook, version="edited")) is Standing.UNAPPROVED
    assert standing(approved, replace(runbook, id="copy")) is Standing.UNAPPROVED
    assert standing(approved, None) is Standing.UNAPPROVED
    assert standing(NO_TRUST, runbook) is Standing.UNAPPROVED
    assert standing(Trust(approved.approved, frozenset({RESTART})), runbook) is Standing.LOWERED
    assert standing(Trust(frozenset(), frozenset({RESTART})), runbook) is Standing.UNAPPROVED


def test_only_cures_that_lasted_count_as_verified() -> None:
    assert Rate().verified is None
    assert rate({End.FIXED: 3, End.REFAILED: 1}).verified == 0.75
    assert rate({End.FIXED: 1, End.NOT_FIXED: 1, End.UNKNOWN: 1, End.REFAILED: 1}).verified == 0.25
    assert {outcome: end_of(outcome) for outcome in ev.RunOutcome if end_of(outcome) is not End.UNKNOWN} == {
        ev.RunOutcome.FIXED: End.FIXED,
        ev.RunOutcome.NOT_FIXED: End.NOT_FIXED,
    }


class Known:
    """The same, told independently: what people said, and which checks each run has cured, when."""

    def __init__(self) -> None:
        self.approved: set[str] = set()
        self.lowered = False
        self.cured: dict[str, tuple[float, str]] = {}
        """Check to when it was cured last, and in which incident."""


ACTIONS = st.one_of(
    st.tuples(st.just("approve"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("revoke"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("edit"), st.sampled_from(VERSIONS)),
    st.tuples(st.just("raise"), st.none()),
    st.tuples(st.just("down"), st.sampled_from((HTTP.id, SMTP.id))),
    st.tuples(st.just("up"), st.sampled_from((HTTP.id, SMTP.id))),
    st.tuples(st.just("ends"), st.sampled_from([ev.RunOutcome.FIXED] * 6 + list(ev.RunOutcome))),
    st.tuples(st.just("wait"), st.sampled_from((61.0, 1800.0, 3601.0, 86_400.0))),
)

CURED: list[tuple[str, object]] = [("approve", "a"), ("down", HTTP.id), ("ends", ev.RunOutcome.FIXED), ("up", HTTP.id)]
RELAPSED = [*CURED, ("down", HTTP.id), ("up", HTTP.id), ("wait", 7200.0)]


@settings(max_examples=300)
@given(st.sampled_from((CURED, RELAPSED)), st.lists(ACTIONS, min_size=4, max_size=40))
def test_nothing_acts_unapproved_and_after_a_relapse_only_when_raised(
    beginning: list[tuple[str, object]], history: list[tuple[str, object]]
) -> None:
    inventory, known, state, now_s, trust = policy(), Known(), HostState(HOST), 1e6, NO_TRUST

    def with_version(version: object) -> dict[str, Procedure]:
        return {**inventory.procedures, RESTART: replace(inventory.procedures[RESTART], version=str(version))}

    inventory = replace(inventory, procedures=with_version("a"))
    for number, (what, detail) in enumerate([*beginning, *history]):
        name = str(number)
        event: ev.Event = ev.TimerFired(id=name, at_s=now_s, host=HOST)
        match what:
            case "approve":
                known.approved.add(str(detail))
            case "revoke":
                known.approved.discard(str(detail))
            case "edit":
                inventory = replace(inventory, version=name, procedures=with_version(detail))
            case "raise":
                known.lowered = False
                trust = replace(trust, lowered=frozenset())
            case "wait":
                now_s += float(str(detail))
            case "down" | "up":
                verdict = Verdict.DOWN if what == "down" else Verdict.UP
                event = ev.VerdictChanged(
                    id=name, at_s=now_s, host=HOST, check=str(detail), verdict=verdict, evidence_since_s=now_s, order=number
                )
            case "ends" if state.incident is not None and state.incident.run is not None:
                outcome = ev.RunOutcome(str(detail))
                acted = outcome not in (ev.RunOutcome.GONE, ev.RunOutcome.REFUSED)
                event = ev.RunEnded(
                    id=name, at_s=now_s, host=HOST, run=state.incident.run.key, outcome=outcome, acted=acted, by="hands:1"
                )
        trust = Trust(frozenset((RESTART, version) for version in known.approved), trust.lowered)
        situation = Situation(policy=inventory, host=inventory.hosts[HOST], new_id=f"INC-{number:06d}", trust=trust)
        before = state
        decision = step(before, event, situation, now_s)
        state = decision.state
        _follow(known, before, event, state, now_s=now_s, cool_down_s=inventory.limits.cool_down_s)
        for command in decision.commands:
            if isinstance(command, Run):
                assert inventory.procedures[RESTART].version in known.approved
                assert not known.lowered
        for item in decision.learnt:
            assert (item.runbook, item.customer) == (RESTART, CUSTOMER)
            if item.end is End.REFAILED:
                trust = replace(trust, lowered=frozenset({RESTART}))
        if known.lowered:
            assert trust.lowered == {RESTART}, "a cure did not last, and nobody noticed"


def _follow(known: Known, before: HostState, event: ev.Event, after: HostState, *, now_s: float, cool_down_s: float) -> None:
    """What this event means for the cures, by the words of the rule alone."""
    if isinstance(event, ev.RunEnded) and event.outcome is ev.RunOutcome.FIXED and before.incident is not None:
        assert before.incident.run is not None
        for check in before.incident.run.checks:
            known.cured[check] = (now_s, before.incident.id)
    if isinstance(event, ev.VerdictChanged) and event.verdict is Verdict.DOWN:
        fresh = before.incident is None or before.incident.fault(event.check) is None
        cured_s, incident = known.cured.get(event.check, (float("-inf"), ""))
        if fresh and (now_s - cured_s < cool_down_s or (after.incident is not None and after.incident.id == incident)):
            known.lowered = True
            known.cured = {check: cure for check, cure in known.cured.items() if cure[0] != cured_s}
