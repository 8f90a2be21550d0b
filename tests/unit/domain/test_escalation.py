"""R25: who is paged next, and when."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from domain.escalation import LONGEST_WAIT_S, Page, next_page
from domain.model import OnCall

THREE = OnCall(("ai", "bo", "cy"), escalate_after_s=600.0)


def pages(on_call: OnCall, count: int) -> list[tuple[float, str]]:
    page, told, now_s = Page("gate_mode_off"), [], 0.0
    for _ in range(count):
        due = next_page(page, on_call, now_s)
        assert due is not None
        page, who = due
        told.append((now_s, who))
        now_s = page.next_at_s
    return told


def test_the_first_is_paged_at_once_and_the_next_when_nobody_answered() -> None:
    assert pages(THREE, 3) == [(0, "ai"), (600, "bo"), (1200, "cy")]


def test_it_goes_round_and_each_round_waits_twice_as_long() -> None:
    assert [who for _, who in pages(THREE, 7)] == ["ai", "bo", "cy", "ai", "bo", "cy", "ai"]
    waits = [later - earlier for (earlier, _), (later, _) in pairwise(pages(THREE, 14))]
    assert waits == [600.0] * 3 + [1200.0] * 3 + [2400.0] * 3 + [LONGEST_WAIT_S] * 4


def test_it_is_known_who_was_paged_whatever_becomes_of_the_order() -> None:
    first = next_page(Page("x"), THREE, 0.0)
    assert first is not None
    second = next_page(first[0], OnCall(("cy", "ai")), 600.0)
    assert second is not None
    third = next_page(second[0], OnCall(("ai",)), 9999.0)
    assert third is not None
    assert (third[0].told, third[0].paged) == (3, ("ai",))
    assert next_page(second[0], OnCall(("cy",)), 9999.0)[0].paged == ("ai", "cy")  # type: ignore[index]  # it is due


def test_one_person_is_paged_again() -> None:
    assert pages(OnCall(("ai",), 600.0), 3) == [(0, "ai"), (600, "ai"), (1800, "ai")]


def test_a_wait_longer_than_an_hour_stays_as_it_was_written() -> None:
    assert pages(OnCall(("ai",), 7200.0), 3) == [(0, "ai"), (7200, "ai"), (14400, "ai")]


def test_nobody_is_paged_before_it_is_due() -> None:
    assert next_page(Page("x", 1, 600.0), THREE, 599.9) is None
    assert next_page(Page("x", 1, 600.0), THREE, 600.0) == (Page("x", 2, 1200.0, ("bo",)), "bo")


def test_with_nobody_on_call_nobody_is_paged() -> None:
    assert next_page(Page("x"), OnCall(()), 0.0) is None


@given(st.floats(0, 100_000), st.integers(0, 10_000), st.integers(1, 5))
def test_the_next_page_always_lies_ahead_and_not_too_far(escalate_after_s: float, told: int, people: int) -> None:
    on_call = OnCall(tuple(str(number) for number in range(people)), escalate_after_s)
    due = next_page(Page("x", told), on_call, 50.0)
    assert due is not None
    assert 51.0 <= due[0].next_at_s <= 50.0 + max(escalate_after_s, LONGEST_WAIT_S)
