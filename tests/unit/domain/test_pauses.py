"""R50, R51: windows once, daily, weekly and monthly, in their own zone."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.pauses import Pause, Repeat, active_until, boundary_s, covers, paused_until

ZONES = ("Asia/Tokyo", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC")
FIRST_DAY = datetime.fromisoformat("2026-01-01T00:00")
HOUR_S = 3600.0
DAY_S = 24 * HOUR_S


def at(text: str, zone: str = "Asia/Tokyo") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_once() -> None:
    pause = Pause("p", "2026-03-02T10:00", 1800.0, host="web01")
    assert active_until(pause, at("2026-03-02T09:59:59")) is None
    assert active_until(pause, at("2026-03-02T10:00")) == at("2026-03-02T10:30")
    assert active_until(pause, at("2026-03-02T10:29:59")) == at("2026-03-02T10:30")
    assert active_until(pause, at("2026-03-02T10:30")) is None
    assert boundary_s(pause, at("2025-01-01T00:00")) == at("2026-03-02T10:00")
    assert boundary_s(pause, at("2026-03-02T10:00")) == at("2026-03-02T10:30")
    assert boundary_s(pause, at("2026-03-02T10:30")) is None


def test_daily_across_midnight() -> None:
    pause = Pause("p", "2026-03-02T23:30", HOUR_S, repeat=Repeat.DAILY, host="web01")
    assert active_until(pause, at("2026-03-02T00:15")) is None  # the first window has not been yet
    assert active_until(pause, at("2026-04-11T00:15")) == at("2026-04-11T00:30")
    assert active_until(pause, at("2026-04-11T12:00")) is None
    assert boundary_s(pause, at("2026-04-11T00:30")) == at("2026-04-11T23:30")


def test_weekly() -> None:
    pause = Pause("p", "2026-03-02T02:00", 2 * HOUR_S, repeat=Repeat.WEEKLY, host="web01")
    assert active_until(pause, at("2026-03-09T03:00")) == at("2026-03-09T04:00")
    assert active_until(pause, at("2026-03-08T03:00")) is None
    assert boundary_s(pause, at("2026-03-09T04:00")) == at("2026-03-16T02:00")


def test_monthly_on_the_last_day_of_shorter_months() -> None:
    pause = Pause("p", "2026-01-31T02:00", HOUR_S, repeat=Repeat.MONTHLY, host="web01")
    assert active_until(pause, at("2026-02-28T02:30")) == at("2026-02-28T03:00")
    assert active_until(pause, at("2026-03-31T02:30")) == at("2026-03-31T03:00")
    assert active_until(pause, at("2026-03-28T02:30")) is None
    assert active_until(pause, at("2028-02-29T02:30")) == at("2028-02-29T03:00")
    assert active_until(pause, at("2025-12-31T02:30")) is None
    assert boundary_s(pause, at("2026-02-28T03:00")) == at("2026-03-31T02:00")


def test_the_wall_time_stays_when_clocks_change() -> None:
    pause = Pause("p", "2026-03-01T04:00", HOUR_S, "Europe/Berlin", Repeat.DAILY, host="web01")
    for day in ("2026-03-28", "2026-03-29", "2026-03-30", "2026-10-25", "2026-10-26"):
        assert active_until(pause, at(f"{day}T04:30", "Europe/Berlin")) == at(f"{day}T05:00", "Europe/Berlin")


def test_a_wall_time_that_a_change_of_clocks_skips_happens_all_the_same() -> None:
    pause = Pause("p", "2026-03-28T02:30", HOUR_S, "Europe/Berlin", Repeat.DAILY, host="web01")
    opens_s = boundary_s(pause, at("2026-03-29T00:00", "Europe/Berlin"))
    assert opens_s is not None
    assert at("2026-03-29T01:00", "Europe/Berlin") < opens_s < at("2026-03-29T04:00", "Europe/Berlin")
    assert active_until(pause, opens_s) == opens_s + HOUR_S


@pytest.mark.parametrize("repeat", [Repeat.DAILY, Repeat.WEEKLY, Repeat.MONTHLY])
def test_a_pause_that_begins_far_ahead_is_known_of(repeat: Repeat) -> None:
    pause = Pause("p", "2026-09-30T02:00", HOUR_S, repeat=repeat, host="web01")
    assert boundary_s(pause, at("2026-03-02T10:00")) == at("2026-09-30T02:00")


@pytest.mark.parametrize(
    ("pause", "expected"),
    [
        (Pause("p", "2026-01-01T00:00", 60.0, customer="aozora"), True),
        (Pause("p", "2026-01-01T00:00", 60.0, customer="midori"), False),
        (Pause("p", "2026-01-01T00:00", 60.0, host="web01"), True),
        (Pause("p", "2026-01-01T00:00", 60.0, host="web02"), False),
        (Pause("p", "2026-01-01T00:00", 60.0, host="web01", check="web01/http"), True),
        (Pause("p", "2026-01-01T00:00", 60.0, host="web01", check="web01/ping"), False),
        (Pause("p", "2026-01-01T00:00", 60.0), False),
    ],
)
def test_scopes(pause: Pause, expected: bool) -> None:
    assert covers(pause, "aozora", "web01", "web01/http") is expected


def test_a_pause_of_a_check_does_not_cover_its_host() -> None:
    assert not covers(Pause("p", "2026-01-01T00:00", 60.0, host="web01", check="web01/http"), "aozora", "web01")


def test_of_several_pauses_the_last_to_end_counts() -> None:
    short = Pause("short", "2026-03-02T10:00", 600.0, host="web01")
    long = Pause("long", "2026-03-02T10:00", 1200.0, customer="aozora")
    other = Pause("other", "2026-03-02T10:00", 9000.0, host="web02")
    now_s = at("2026-03-02T10:05")
    assert paused_until((long, short, other), "aozora", "web01", "web01/http", now_s) == ("long", at("2026-03-02T10:20"))
    assert paused_until((long, short, other), "aozora", "web01", "web01/http", at("2026-03-02T10:20")) is None
    assert paused_until((), "aozora", "web01", "web01/http", now_s) is None


PAUSES = st.builds(
    Pause,
    id=st.just("p"),
    start=st.integers(0, 364 * 1440).map(lambda minutes: (FIRST_DAY + timedelta(minutes=minutes)).isoformat()),
    duration_s=st.sampled_from([60.0, 1800.0, 6 * HOUR_S, 25 * HOUR_S, 3 * DAY_S, 8 * DAY_S]),
    zone=st.sampled_from(ZONES),
    repeat=st.sampled_from(list(Repeat)),
    host=st.just("web01"),
)


def _starts_by_brute_force(pause: Pause, until_s: float) -> list[float]:
    """Every start up to then, counted one by one from the first."""
    first = datetime.fromisoformat(pause.start).replace(tzinfo=ZoneInfo(pause.zone))
    if pause.repeat is Repeat.ONCE:
        return [first.timestamp()]
    if pause.repeat is not Repeat.MONTHLY:
        step = 1 if pause.repeat is Repeat.DAILY else 7
        days = int((until_s - first.timestamp()) // DAY_S) + 40
        return [(first + timedelta(days=day)).timestamp() for day in range(0, max(days, 1), step)]
    found = []
    for months in range(20):
        year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
        for day in range(first.day, 27, -1) if first.day > 27 else (first.day,):
            try:
                found.append(first.replace(year=year, month=month + 1, day=day).timestamp())
                break
            except ValueError:
                continue
    return found


@settings(max_examples=300)
@given(PAUSES, st.integers(-40 * 86_400, 300 * 86_400))
@example(Pause("p", "2026-03-01T00:00", 1800.0, "Asia/Kolkata", Repeat.DAILY, host="web01"), 40 * 86_400 + 600)
@example(Pause("p", "2026-03-01T00:10", 1800.0, "Asia/Kolkata", Repeat.WEEKLY, host="web01"), 14 * 86_400 + 1900)
def test_windows_agree_with_brute_force(pause: Pause, after_s: int) -> None:
    now_s = at(pause.start, pause.zone) + after_s
    starts = _starts_by_brute_force(pause, now_s)
    open_ends = [start + pause.duration_s for start in starts if start <= now_s < start + pause.duration_s]
    edges = [edge for start in starts for edge in (start, start + pause.duration_s) if edge > now_s]
    assert active_until(pause, now_s) == (max(open_ends) if open_ends else None)
    assert boundary_s(pause, now_s) == (min(edges) if edges else None)


@settings(max_examples=100)
@given(PAUSES, st.integers(-2 * 86_400, 60 * 86_400))
def test_nothing_changes_between_two_boundaries(pause: Pause, after_s: int) -> None:
    now_s = at(pause.start, pause.zone) + after_s
    until_s = boundary_s(pause, now_s) or now_s + DAY_S
    begun = active_until(pause, now_s) is not None
    for share in (0.25, 0.5, 0.999):
        assert (active_until(replace(pause), now_s + share * (until_s - now_s)) is not None) is begun
