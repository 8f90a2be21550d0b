"""Timers in slots, and where in its interval a check has its turn."""

from math import floor

from hypothesis import given
from hypothesis import strategies as st

from watch.wheel import SLOTS_PER_S, Wheel, next_turn_s, phase_s

TIMES = st.floats(0, 1e7)


def keys(wheel: Wheel[str], now_s: float) -> list[str]:
    return [key for key, _ in wheel.due(now_s)]


def test_fires_in_order_of_time_and_once() -> None:
    wheel: Wheel[str] = Wheel()
    for key, at_s in (("late", 7.0), ("soon", 1.0), ("also soon", 1.01)):
        wheel.put(key, at_s)
    assert keys(wheel, 0.99) == []
    assert keys(wheel, 6.0) == ["soon", "also soon"]
    assert keys(wheel, 100.0) == ["late"]
    assert keys(wheel, 200.0) == []
    assert len(wheel) == 0


def test_a_key_has_one_timer() -> None:
    wheel: Wheel[str] = Wheel()
    wheel.put("a", 1.0)
    wheel.put("a", 5.0)
    assert keys(wheel, 2.0) == []
    wheel.put("a", 3.0)
    wheel.cancel("a")
    wheel.cancel("a")
    assert wheel.next_s() is None
    assert keys(wheel, 9.0) == []


@given(st.lists(TIMES, min_size=1, max_size=20))
def test_never_early_at_most_a_slot_late_and_found_due_when_woken(times: list[float]) -> None:
    wheel: Wheel[int] = Wheel()
    for number, at_s in enumerate(times):
        wheel.put(number, at_s)
    while (next_s := wheel.next_s()) is not None:
        found = wheel.due(next_s)
        assert found, "woken for nothing"
        for number, at_s in found:
            assert times[number] <= at_s < times[number] + 1 / SLOTS_PER_S + 1e-6


@given(st.text(min_size=1), st.floats(0.5, 3600), TIMES)
def test_turns_come_once_an_interval_however_late_one_asks(check: str, interval_s: float, now_s: float) -> None:
    turn_s = next_turn_s(check, interval_s, now_s)
    assert now_s - 1e-6 <= turn_s <= now_s + interval_s + 1e-6
    later_s = next_turn_s(check, interval_s, turn_s + 7.5 * interval_s)
    assert later_s - (turn_s + 7.5 * interval_s) <= interval_s + 1e-6, "what was missed is caught up"


def test_a_thousand_checks_are_spread_over_their_interval() -> None:
    tenths = [floor(phase_s(f"host{number}/ping", 60.0) / 6.0) for number in range(1000)]
    assert min(tenths.count(tenth) for tenth in range(10)) > 60
