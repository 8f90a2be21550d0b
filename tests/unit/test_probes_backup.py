"""C42: the last backup's outcome, by its status file and the host's own clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readings import seen

from domain.observation import Observation, Verdict
from probes import mib

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=timezone(timedelta(hours=9)))
CLOCK = bytes([7, 234, 1, 31, 12, 0, 0, 0]) + b"+\x09\0"
"""The same, as DateAndTime (RFC 2579)."""
DONE = "2026-01-31T03:10:00+09:00"


def looked(line: str | bytes, clock: bytes = CLOCK, code: int = 0, **options: object) -> Observation:
    output, result = mib.extend(str(options.get("extend", "backup")))
    said = line.encode() if isinstance(line, str) else line
    return seen("backup", {mib.HR_SYSTEM_DATE: clock, output: said, result: code}, options)


@pytest.mark.parametrize(
    ("line", "verdict", "detail"),
    [
        (f"finished={DONE} outcome=ok restorable=yes", Verdict.UP, "finished 8.8 h ago"),
        (f"finished={int(NOW.timestamp()) - 7200} outcome=ok restorable=yes", Verdict.UP, "finished 2.0 h ago"),
        (f"finished={DONE} outcome=failed restorable=yes", Verdict.DOWN, "the last backup failed; it finished 8.8 h ago"),
        (
            "finished=2026-01-30T09:59:00+09:00 outcome=ok restorable=yes",
            Verdict.DOWN,
            "the last backup finished 26.0 h ago, more than 26 h",
        ),
        (
            f"finished={DONE} outcome=ok restorable=no",
            Verdict.DOWN,
            "the last backup finished 8.8 h ago; whether it can be restored: no",
        ),
        (f"finished={DONE} outcome=ok", Verdict.DOWN, "the last backup finished 8.8 h ago; whether it can be restored: not known"),
    ],
)
def test_it_finished_in_time_and_can_be_restored(line: str, verdict: Verdict, detail: str) -> None:
    assert looked(line)[:2] == (verdict, detail)


def test_the_options_say_how_old_it_may_be_and_whether_a_trial_counts() -> None:
    assert looked(f"finished={DONE} outcome=ok", restorable=False).verdict is Verdict.UP
    assert looked(f"finished={DONE} outcome=ok restorable=no", restorable=False).verdict is Verdict.UP
    assert looked(f"finished={DONE} outcome=ok restorable=yes", age="8h").verdict is Verdict.DOWN
    assert looked(f"finished={DONE} outcome=ok restorable=yes", extend="nightly").verdict is Verdict.UP


def test_the_hosts_clock_counts_with_its_offset_and_without_one_is_utc() -> None:
    utc = bytes([7, 234, 1, 31, 3, 0, 0, 0])
    west = bytes([7, 234, 1, 30, 22, 0, 0, 0]) + b"-\x05\0"
    for clock in (utc, west):
        assert looked(f"finished={DONE} outcome=ok restorable=yes", clock).detail == "finished 8.8 h ago"
    assert NOW.astimezone(UTC).hour == 3


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "the backup's status is"),
        ("all is well", "instead of finished=TIME outcome=ok|failed restorable=yes|no"),
        (f"finished={DONE}", "the backup's status is"),
        (f"finished={DONE} outcome=maybe", "the backup's status is"),
        (f"finished={DONE} outcome=ok restorable=perhaps", "the backup's status is"),
        ("finished=yesterday outcome=ok restorable=yes", "which is no time such as"),
        ("finished=2026-01-31T03:10:00 outcome=ok restorable=yes", "which is no time such as"),
        ("finished=99999999999999999999 outcome=ok restorable=yes", "which is no time such as"),
    ],
)
def test_a_line_that_is_no_status_is_a_fault_that_says_so(line: str, words: str) -> None:
    found = looked(line)
    assert (found.verdict, words in found.detail) == (Verdict.DOWN, True), found


def test_a_command_that_failed_is_one_too() -> None:
    assert "ended with exit code 1" in looked("cat: no such file", code=1).detail


@pytest.mark.parametrize("clock", [b"", b"\x07", bytes(8), bytes([7, 234, 13, 1, 0, 0, 0, 0]), CLOCK[:9] + b"\xff\xff"])
def test_a_clock_that_is_none_is_told(clock: bytes) -> None:
    found = looked(f"finished={DONE} outcome=ok restorable=yes", clock)
    assert found[:2] == (Verdict.DOWN, "the SNMP agent's hrSystemDate is no time")


@given(st.binary(max_size=80), st.binary(max_size=12))
def test_nothing_an_agent_says_breaks_it(line: bytes, clock: bytes) -> None:
    assert looked(line, clock).verdict in {Verdict.UP, Verdict.DOWN}
