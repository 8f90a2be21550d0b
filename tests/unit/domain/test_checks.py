"""C1-C3: when observations become a fault, and what the engine hears of it."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.checks import PROFILES, Change, Memory, judge
from domain.model import Confirmation
from domain.observation import Observation, Verdict, down, unknown, up

RAPID = PROFILES["rapid"].confirmation
STANDARD = PROFILES["standard"].confirmation
LOOKS = {"u": up("200"), "d": down("connection refused"), "?": unknown("no anchor answers")}


def watch(rule: Confirmation, looks: str, every_s: float = 60.0) -> tuple[Memory, list[Change]]:
    """Look once a minute; ``.`` is a look that did not take place, so that the next one comes after a gap."""
    memory, changes, gap = Memory(), [], False
    for number, look in enumerate(looks):
        if look == ".":
            gap = True
            continue
        memory, change, _ = judge(rule, memory, LOOKS[look], number * every_s, gap)
        gap = False
        if change is not None:
            changes.append(change)
    return memory, changes


def verdicts(rule: Confirmation, looks: str) -> str:
    signs = {verdict: sign for sign, (verdict, *_) in LOOKS.items()}
    return "".join(signs[change.verdict] for change in watch(rule, looks)[1])


@pytest.mark.parametrize(
    ("profile", "interval_s", "failures", "retry_s"),
    [("standard", 300, 2, 60), ("rapid", 60, 3, None), ("basic", 600, 2, 60)],
)
def test_the_shipped_profiles_are_those_of_the_table(profile: str, interval_s: float, failures: int, retry_s: float | None) -> None:
    shipped = PROFILES[profile]
    assert (shipped.id, shipped.interval_s, shipped.confirmation) == (profile, interval_s, Confirmation(failures, retry_s))


@pytest.mark.parametrize(
    ("looks", "heard"),
    [
        ("u", "u"),
        ("uuu", "u"),
        ("udd", "u"),
        ("uddd", "ud"),
        ("udddddd", "ud"),
        ("udduddu", "u"),
        ("udddu", "udu"),
        ("ddd", "d"),
        ("ddu", "u"),
    ],
)
def test_the_third_failure_in_a_row_is_a_fault(looks: str, heard: str) -> None:  # C2
    assert verdicts(RAPID, looks) == heard


@pytest.mark.parametrize(("looks", "heard"), [("ud", "u"), ("udd", "ud"), ("udu", "u"), ("udddu", "udu")])
def test_a_failure_that_repeats_is_a_fault(looks: str, heard: str) -> None:  # C1
    assert verdicts(STANDARD, looks) == heard


def test_a_first_failure_is_repeated_after_a_minute_instead_of_the_interval() -> None:  # C1, C3
    memory, _, retry_s = judge(STANDARD, Memory(Verdict.UP), LOOKS["d"], 0.0)
    assert retry_s == 60
    _, change, retry_s = judge(STANDARD, memory, LOOKS["d"], 60.0)
    assert change is not None
    assert retry_s is None


def test_rapid_looks_on_at_its_interval() -> None:  # C2
    assert judge(RAPID, Memory(Verdict.UP), LOOKS["d"], 0.0).retry_s is None


def test_what_needs_no_confirmation_is_a_fault_at_once() -> None:
    assert verdicts(Confirmation(1), "ud") == "ud"


def test_a_fault_began_with_its_first_failure() -> None:  # R20
    _, changes = watch(RAPID, "uddd")
    assert changes[-1] == Change(Verdict.DOWN, 180.0, 60.0, 60.0, "connection refused", None, None)


def test_a_change_carries_what_was_seen() -> None:
    seen = Observation(Verdict.UP, "200", 0.5, 12.5)
    change = judge(RAPID, Memory(Verdict.DOWN, 3, 0.0, 0.0), seen, 240.0).change
    assert change == Change(Verdict.UP, 240.0, None, None, "200", 0.5, 12.5)


def test_unknown_is_told_once_and_confirms_nothing() -> None:  # C52
    assert verdicts(RAPID, "u???") == "u?"
    assert verdicts(RAPID, "udd?d") == "u?"
    assert verdicts(RAPID, "?dd?dd?dd") == "?"
    assert verdicts(RAPID, "?ddd") == "?d"
    assert verdicts(RAPID, "u?u") == "u?u"


def test_a_fault_that_lasts_through_unknown_keeps_its_beginning_and_begins_its_evidence_anew() -> None:  # R20, C52
    _, changes = watch(RAPID, "uddd??ddd")
    assert [change.verdict for change in changes] == [Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN, Verdict.DOWN]
    assert (changes[-1].fault_at_s, changes[-1].evidence_since_s) == (60.0, 360.0)


def test_it_keeps_its_beginning_through_more_of_it() -> None:
    _, changes = watch(RAPID, "uddd?dd?d.ddd")
    assert (changes[-1].verdict, changes[-1].fault_at_s, changes[-1].evidence_since_s) == (Verdict.DOWN, 60.0, 600.0)


@pytest.mark.parametrize(("looks", "since_s"), [("udd?ddd", 240.0), ("?dd?ddd", 240.0), ("udd.ddd", 240.0), ("?dd.ddd", 240.0)])
def test_what_was_never_confirmed_is_forgotten(looks: str, since_s: float) -> None:
    _, changes = watch(RAPID, looks)
    assert (changes[-1].verdict, changes[-1].fault_at_s, changes[-1].evidence_since_s) == (Verdict.DOWN, since_s, since_s)


def test_a_gap_restarts_the_evidence_of_a_fault_and_not_its_beginning() -> None:  # R20
    _, changes = watch(RAPID, "uddd.d")
    assert (changes[-1].verdict, changes[-1].fault_at_s, changes[-1].evidence_since_s) == (Verdict.DOWN, 60.0, 300.0)


def test_a_gap_while_all_is_well_is_nothing() -> None:
    assert verdicts(RAPID, "u...u") == "u"


@given(st.text("ud?."), st.sampled_from(list(PROFILES)))
def test_every_fault_is_as_many_failures_in_a_row_as_its_profile_says(looks: str, profile: str) -> None:
    rule = PROFILES[profile].confirmation
    for change in watch(rule, looks)[1]:
        if change.verdict is Verdict.DOWN and change.evidence_since_s is not None:
            begun, ended = int(change.evidence_since_s // 60), int(change.at_s // 60)
            assert set(looks[begun : ended + 1]) == {"d"}
            assert change.fault_at_s is not None
            assert change.fault_at_s <= change.evidence_since_s
            assert ended - begun + 1 >= rule.failures or looks[begun - 1] == "."


@given(st.text("ud?."))
def test_two_changes_in_a_row_differ_but_for_anew_begun_evidence(looks: str) -> None:
    changes = watch(RAPID, looks)[1]
    for before, after in itertools.pairwise(changes):
        again = before.verdict is after.verdict is Verdict.DOWN
        assert before.verdict is not after.verdict or (again and after.evidence_since_s != before.evidence_since_s)


@given(st.text("ud?."), st.sampled_from(list(PROFILES)), st.sets(st.integers(0, 40)))
def test_leaving_out_looks_that_change_nothing_changes_no_decision(looks: str, profile: str, dropped: set[int]) -> None:
    """All that the engine hears is the changes; whichever of the looks without effect are left out, they stay the same."""
    rule = PROFILES[profile].confirmation
    full, thinned, heard, heard_thinned, gap = Memory(), Memory(), [], [], False
    for number, look in enumerate(looks):
        if look == ".":
            gap = True
            continue
        before = full
        full, change, _ = judge(rule, before, LOOKS[look], number * 60.0, gap)
        heard.append(change)
        if full is before and change is None and number in dropped:
            continue
        thinned, change, _ = judge(rule, thinned, LOOKS[look], number * 60.0, gap)
        heard_thinned.append(change)
        gap = False
    assert [change for change in heard if change] == [change for change in heard_thinned if change]


@given(st.text("ud?", min_size=1), st.sampled_from("ud?"))
def test_a_verdict_that_does_not_change_costs_nothing(looks: str, last: str) -> None:
    """The very same memory, so that nothing need be stored."""
    memory, _ = watch(RAPID, looks + last * 3)
    judged = judge(RAPID, memory, LOOKS[last], 9000.0)
    assert judged.memory is memory
    assert judged.change is None
    assert judged.retry_s is None


LED_ELSEWHERE = down("name resolution failed")._replace(told_only=True)
WITH_NAMES = {**LOOKS, "n": LED_ELSEWHERE}


@pytest.mark.parametrize(
    ("looks", "heard"),
    [
        ("ddd", [False]),
        ("nnn", [True]),
        ("ddn", [True]),  # one look that says nothing of the host is enough to let it be
        ("ndd", [True]),
        ("nddd", [True, False]),
        ("dddn", [False, True]),
        ("dddnnnnn", [False, True]),
        ("nnnddd", [True, False]),
        ("nnnddnddd", [True, False]),
        ("nnnd.dd", [True, True, False]),  # a gap is told, as ever
    ],
)
def test_a_fault_is_worked_on_only_where_the_looks_that_confirm_it_saw_the_host(looks: str, heard: list[bool]) -> None:  # C50
    memory, changes, gap = Memory(Verdict.UP), [], False
    for number, look in enumerate(looks):
        if look == ".":
            gap = True
            continue
        memory, change, _ = judge(RAPID, memory, WITH_NAMES[look], number * 60.0, gap)
        gap = False
        if change is not None:
            changes.append(change)
    assert [change.told_only for change in changes] == heard
    assert {change.verdict for change in changes} == {Verdict.DOWN}
    if heard[-2:] == [True, False]:
        assert changes[-1].evidence_since_s == changes[-1].at_s, "and its evidence begins then"


@given(st.lists(st.sampled_from("udn?"), max_size=40))
def test_what_may_be_worked_on_was_seen_to_fail_at_the_host_three_times_in_a_row(looks: list[str]) -> None:  # C50
    memory = Memory()
    for number, look in enumerate(looks):
        memory, change, _ = judge(RAPID, memory, WITH_NAMES[look], number * 60.0)
        if change is not None and change.verdict is Verdict.DOWN and not change.told_only:
            assert looks[: number + 1][-3:] == ["d", "d", "d"]
    if memory.verdict is Verdict.DOWN and looks[-1] == "n":
        assert memory.told_only
