"""Until when something may last."""

from hypothesis import given
from hypothesis import strategies as st

from watch.deadlines import Deadlines
from watch.wheel import SLOTS_PER_S

LENGTHS = st.sampled_from([0.5, 3.0, 10.0])
SLOT_S = 1 / SLOTS_PER_S


@given(st.lists(st.tuples(st.integers(0, 8), LENGTHS, st.floats(0, 5), st.booleans()), max_size=40))
def test_each_ends_in_its_time_and_once(steps: list[tuple[int, float, float, bool]]) -> None:
    """Against the plainest there can be: a dict of ends, by key and length."""
    deadlines: Deadlines[int] = Deadlines()
    meant: dict[tuple[int, float], float] = {}
    now_s = 1000.0
    for key, length_s, wait_s, begin in steps:
        now_s += wait_s
        found = deadlines.due(now_s)
        ended = [(one, length) for (one, length), end_s in meant.items() if end_s + SLOT_S + 1e-6 < now_s]
        for one, _ in ended:
            assert one in found
        for one in found:
            early = [pair for pair, end_s in meant.items() if pair[0] == one and end_s <= now_s + 1e-6]
            assert early, "ended before its time"
            del meant[min(early, key=lambda pair: meant[pair])]
        if begin:
            deadlines.put(key, length_s, now_s)
            meant[key, length_s] = now_s + length_s
        else:
            deadlines.cancel(key, length_s)
            meant.pop((key, length_s), None)
    next_s = deadlines.next_s()
    assert (next_s is None) == (not meant)
    if next_s is not None:
        assert deadlines.due(next_s), "woken for nothing"
        assert next_s >= min(meant.values()) - 1e-6


def test_lengths_that_were_needed_once_are_not_kept() -> None:
    """Each turn goes through all of them."""
    deadlines: Deadlines[int] = Deadlines()
    for number in range(1000):
        deadlines.put(number, 1.0 + number / 7, 0.0)
        deadlines.cancel(number, 1.0 + number / 7)
        deadlines.due(0.0)
    assert len(deadlines._of_length) <= 1
