"""C54: how many changes are too many, and when it is quiet again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.flapping import flaps, remembered, settles_at_s
from domain.model import Flapping

RULE = Flapping(changes=3, window_s=100.0)


@pytest.mark.parametrize(("changes", "expected"), [((), False), ((1.0, 2.0, 3.0), False), ((1.0, 2.0, 3.0, 4.0), True)])
def test_more_changes_than_allowed_are_flapping(changes: tuple[float, ...], expected: bool) -> None:
    assert flaps(RULE, changes) is expected


def test_only_changes_of_the_window_count() -> None:
    assert remembered(RULE, (0.0, 50.0, 99.0), 100.0) == (50.0, 99.0)
    assert remembered(RULE, (0.0, 50.0, 99.0), 200.0) == ()


def test_it_settles_when_it_has_been_quiet_for_the_window() -> None:
    assert settles_at_s(RULE, (10.0, 20.0)) == 120.0
    assert settles_at_s(RULE, ()) == 0.0


@given(st.lists(st.floats(0, 1000)), st.floats(0, 1000))
def test_what_is_remembered_is_bounded(changes: list[float], now_s: float) -> None:
    kept = remembered(RULE, tuple(sorted(changes)), now_s)
    assert len(kept) <= RULE.changes + 1
    assert flaps(RULE, kept) is (sum(now_s - RULE.window_s < at_s for at_s in changes) > RULE.changes)
