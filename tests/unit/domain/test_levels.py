"""Of several levels the confirmed one, and when another is (C1, C2, C17, C20)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checks import PROFILES, Change, Memory, judge
from domain.model import Confirmation, Level
from domain.observation import Limit, Observation, Verdict, down, unknown, up

LIMITS = {
    "2": Limit(Level.WARNING, ">", 80, "%"),
    "3": Limit(Level.MINOR, ">", 90, "%"),
    "4": Limit(Level.SERVICE_DOWN, ">", 95, "%"),
}
LOOKS: dict[str, Observation] = {"u": up(), "?": unknown("no anchor answers"), "d": down("no answer")}
LOOKS |= {sign: down("", limit.value + 1, limit) for sign, limit in LIMITS.items()}
STANDARD, RAPID, AT_ONCE = PROFILES["standard"].confirmation, PROFILES["rapid"].confirmation, Confirmation(1)


def watch(rule: Confirmation, looks: str, memory: Memory | None = None) -> tuple[Memory, list[Change]]:
    """``.`` is a look that did not take place."""
    memory, changes, gap = memory or Memory(), [], False
    for number, look in enumerate(looks):
        if look == ".":
            gap = True
            continue
        memory, change, _ = judge(rule, memory, LOOKS[look], number * 60.0, gap)
        gap = False
        changes += [change] if change is not None else []
    return memory, changes


def heard(rule: Confirmation, looks: str) -> str:
    """The changes as looks."""
    verdicts = {Verdict.UP: "u", Verdict.UNKNOWN: "?", Verdict.DOWN: "d"}
    return "".join(
        str(int(change.limit.level)) if change.limit is not None else verdicts[change.verdict] for change in watch(rule, looks)[1]
    )


@pytest.mark.parametrize(
    ("looks", "changes"),
    [
        ("222", "2"),
        ("234", "2"),  # what all three reached
        ("432", "2"),
        ("444", "4"),
        ("4442", "4"),
        ("44422", "4"),
        ("444222", "42"),  # another level is confirmed as a fault is
        ("222444", "24"),
        ("222434", "23"),  # what all three reached
        ("444232", "43"),  # what none of the three was above
        ("222442444", "24"),  # in a row
        ("333424242", "3"),  # to one side: a value that plays around a threshold is one alert
        ("3334.444", "334"),  # a gap counts anew
        ("444uu444", "4u4"),
        ("444?222", "4?2"),
        ("444d4dd4", "4"),  # a lost answer is no change
        ("444d.dd", "44"),
        ("444ddd", "4d"),  # no value can be had any more
        ("444dd2", "4"),
        ("4442dd", "4"),
        ("ddd2", "d2"),
    ],
)
def test_what_is_heard_with_three_looks_to_confirm(looks: str, changes: str) -> None:
    assert heard(RAPID, looks) == changes


def test_one_look_is_enough_where_one_is_for_a_fault() -> None:
    assert heard(AT_ONCE, "2432u") == "2432u"


def test_another_level_is_looked_at_again_soon_as_a_fault_is() -> None:  # C1
    memory, _ = watch(STANDARD, "22")
    judged = judge(STANDARD, memory, LOOKS["4"], 600.0)
    assert (judged.change, judged.retry_s) == (None, 60)
    judged = judge(STANDARD, judged.memory, LOOKS["4"], 660.0)
    assert judged.retry_s is None
    assert judged.change is not None
    assert judged.change.limit is LIMITS["4"]
    assert (judged.change.fault_at_s, judged.change.evidence_since_s) == (0.0, 0.0)  # it is the same fault


def test_a_threshold_that_the_inventory_changed_counts_at_once() -> None:
    memory, _ = watch(RAPID, "333")
    other = replace(LIMITS["3"], value=92)
    judged = judge(RAPID, memory, down("", 93, other), 600.0)
    assert judged.change is not None
    assert judged.change.limit == other


@given(st.text("u?d234.", max_size=40), st.sampled_from("u?d234"), st.sampled_from([STANDARD, RAPID, AT_ONCE]))
def test_what_does_not_change_costs_nothing(looks: str, last: str, rule: Confirmation) -> None:
    memory, _ = watch(rule, looks + last * 6)
    judged = judge(rule, memory, LOOKS[last], 9000.0)
    assert judged.memory is memory
    assert (judged.change, judged.retry_s) == (None, None)


@given(st.text("u234.", max_size=40), st.sampled_from([STANDARD, RAPID]))
def test_no_level_is_heard_that_fewer_looks_in_a_row_reached(looks: str, rule: Confirmation) -> None:
    memory, gap = Memory(), False
    for number, look in enumerate(looks):
        if look == ".":
            gap = True
            continue
        before = memory
        memory, change, _ = judge(rule, memory, LOOKS[look], number * 60.0, gap)
        gap = False
        if change is None or change.limit is None or (before.limit is not None and change.limit.level <= before.limit.level):
            continue
        row = looks[: number + 1].replace(".", "")[-rule.failures :]
        assert all(reached != "u" and int(reached) >= change.limit.level for reached in row)
        assert "." not in looks[number - rule.failures + 2 : number + 1]
