"""R9: a storm is digested; nothing is lost, order is kept, the minute's limit holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.storm import DIGEST_MAX, MINUTE_S, Digest, SendOne, WaitUntil, decide


def test_what_fits_into_the_minute_goes_one_by_one() -> None:
    assert decide(["a", "b", "c"], [0.0], limit=4, now_s=10) == SendOne("a")


def test_what_does_not_fit_goes_as_one_digest() -> None:
    assert decide(["a", "b", "c"], [0.0], limit=3, now_s=10) == Digest(("a", "b", "c"))


def test_a_full_minute_is_waited_for() -> None:
    assert decide(["a"], [1.0, 5.0, 8.0], limit=3, now_s=10) == WaitUntil(61.0)


def test_mails_of_an_hour_ago_do_not_count() -> None:
    assert decide(["a"], [0.0, 1.0], limit=2, now_s=3600) == SendOne("a")


def test_a_clock_set_back_does_not_silence_anybody() -> None:
    assert decide(["a"], [7200.0] * 5, limit=2, now_s=3600) == SendOne("a")


def test_nothing_waits() -> None:
    assert decide([], [1.0], limit=1, now_s=1) is None


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 mail"):
        decide(["a"], [], limit=0, now_s=0)


def test_a_digest_is_bounded() -> None:
    keys = [str(number) for number in range(DIGEST_MAX + 5)]
    assert decide(keys, [], limit=10, now_s=0) == Digest(tuple(keys[:DIGEST_MAX]))


@given(
    gaps_s=st.lists(st.floats(min_value=0, max_value=90), max_size=300),
    limit=st.integers(min_value=1, max_value=12),
    delivery_s=st.floats(min_value=0, max_value=3),
)
def test_every_message_is_told_once_in_order_and_in_time(gaps_s: list[float], limit: int, delivery_s: float) -> None:
    arrivals: list[float] = []
    for gap_s in gaps_s:
        arrivals.append((arrivals[-1] if arrivals else 0.0) + gap_s)
    told: list[str] = []
    mails_s: list[float] = []
    pending: list[str] = []
    now_s, arrived = 0.0, 0
    while len(told) < len(arrivals):
        while arrived < len(arrivals) and arrivals[arrived] <= now_s:
            pending.append(str(arrived))
            arrived += 1
        match decide(pending, mails_s, limit, now_s):
            case SendOne(key):
                keys: tuple[str, ...] = (key,)
            case Digest(keys):
                assert len(keys) > 1
            case WaitUntil(at_s):
                assert now_s < at_s <= now_s + MINUTE_S
                now_s = at_s
                continue
            case None:
                now_s = arrivals[arrived]
                continue
        assert pending[: len(keys)] == list(keys)
        del pending[: len(keys)]
        told += keys
        mails_s.append(now_s)
        # a message waits for one minute at most, beside the seconds its predecessors' deliveries take
        assert now_s - arrivals[int(keys[0])] <= MINUTE_S + delivery_s * (limit + 1)
        now_s += delivery_s
    assert told == [str(number) for number in range(len(arrivals))]
    for index, at_s in enumerate(mails_s):
        assert sum(at_s <= other < at_s + MINUTE_S for other in mails_s[index:]) <= limit
