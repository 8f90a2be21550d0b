"""What was seen is kept, sealed, summed up and aged, on both databases; killed anywhere, nothing is lost or there twice."""

import itertools
import random
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
from hand_clock import HandClock
from seen_looks import DAY_S, LOAD, MIDNIGHT_S, PING, TODAY, append, looks, meant, rows
from sqlalchemy import event, func, select, text, update
from store_samples import down

from domain.observation import Verdict
from store import inbox
from store.db import Store, StoreError
from store.looks import Look, Watched
from store.sample_reading import graph, read
from store.sample_tables import DAY, MONTH, RECENT, SERIES, key_of
from store.samples import Samples, schema_version
from store.sealing import AGED_AT_ONCE, age, roll_up, seal_recent, waiting
from store.series import Rollup, roll

EVER = (0.0, 4e9)


@pytest.fixture
def samples(store: Store) -> Iterator[Samples]:
    made = Samples(store)
    yield made
    made.close()


def count(samples: Samples, table: object) -> int:
    with samples.read() as connection:
        found: int = connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]
    return found


def mixed() -> list[Look]:
    """Three days of two checks, in the order of their times."""
    first_s = MIDNIGHT_S - 2 * DAY_S
    made = looks(PING, first_s, 700) + looks(LOAD, first_s + 150, 700, seed=2)
    return sorted(made, key=lambda look: look.at_s)


def check_all(samples: Samples, made: list[Look]) -> None:
    for of in (PING, LOAD):
        assert rows(read(samples, of, *EVER)) == meant(made, of)


def test_what_was_seen_is_read_back_before_and_after_each_step(samples: Samples) -> None:
    made = mixed()
    append(samples, made)
    check_all(samples, made)
    assert waiting(samples) == len(made)
    assert seal_recent(samples) == len(made)
    assert waiting(samples) == 0
    assert count(samples, DAY) == 2 * 3
    check_all(samples, made)
    assert roll_up(samples, TODAY) == 2 * 2
    assert roll_up(samples, TODAY) == 0
    check_all(samples, made)
    later = looks(PING, made[-1].at_s + 60, 40, step_s=60)
    append(samples, later)
    check_all(samples, [*made, *later])
    seal_recent(samples)
    assert seal_recent(samples) == 0
    check_all(samples, [*made, *later])


def test_a_period_has_its_begin_and_not_its_end(samples: Samples) -> None:
    made = looks(PING, MIDNIGHT_S, 100)
    append(samples, made[:50])
    seal_recent(samples)
    append(samples, made[50:])
    for first, end in ((0, 100), (3, 7), (40, 60), (55, 99), (5, 5), (7, 3)):
        found = read(samples, PING, made[first].at_s, made[end % 100].at_s if end < 100 else made[-1].at_s + 1)
        assert rows(found) == meant(made[first:end], PING)


def test_one_item_alone_is_the_same_without_the_other(samples: Samples) -> None:
    made = looks(LOAD, MIDNIGHT_S, 60)
    append(samples, made[:30])
    seal_recent(samples)
    append(samples, made[30:])
    both, one = read(samples, LOAD, *EVER), read(samples, LOAD, *EVER, ["latency_ms"])
    assert np.array_equal(one.latency_ms, both.latency_ms, equal_nan=True)
    assert np.array_equal(one.at_s, both.at_s)
    assert len(one.value) == 0


def test_of_what_was_never_seen_there_is_nothing(samples: Samples) -> None:
    append(samples, looks(PING, MIDNIGHT_S, 3))
    assert len(read(samples, LOAD, *EVER)) == 0
    assert len(graph(samples, LOAD, "value", EVER, DAY_S).at_s) == 0


def test_a_check_that_came_to_another_customer_begins_anew(samples: Samples) -> None:
    others = Watched(PING.check, "others")
    made = looks(PING, MIDNIGHT_S, 20) + looks(others, MIDNIGHT_S + 6000, 20, seed=3)
    append(samples, made)
    for _ in range(2):
        assert rows(read(samples, PING, *EVER)) == meant(made, PING)
        assert rows(read(samples, others, *EVER)) == meant(made, others)
        seal_recent(samples)


def test_a_clock_that_went_back_and_looks_in_one_second_are_kept_as_they_came(samples: Samples) -> None:
    made = [Look(PING, MIDNIGHT_S + at_s, Verdict.UP, None, float(number)) for number, at_s in enumerate((5, 5, 9, -3, 5, 9, 2))]
    append(samples, made[:4])
    seal_recent(samples)
    append(samples, made[4:])
    check_all(samples, made)
    seal_recent(samples)
    check_all(samples, made)


@pytest.mark.parametrize("at_s", [-5, 0, 2**32, 2**40])
def test_a_time_that_cannot_be_stops_nothing(samples: Samples, at_s: int) -> None:
    samples.append([Look(PING, at_s, Verdict.UP, None, 1.0), Look(PING, MIDNIGHT_S, Verdict.UP, None, 2.0)], TODAY)
    seal_recent(samples)
    roll_up(samples, TODAY)
    assert rows(read(samples, PING, MIDNIGHT_S, MIDNIGHT_S + 1)) == [(MIDNIGHT_S, Verdict.UP, None, 2.0)]
    assert len(read(samples, PING, 0, 2**33)) == 2


def test_numbers_that_are_none_stop_nothing(samples: Samples) -> None:
    numbers = float("inf"), float("nan"), 1e300, -0.0
    made = [Look(PING, MIDNIGHT_S + second, Verdict.UP, number) for second, number in enumerate(numbers)]
    append(samples, made)
    for _ in range(2):
        assert [value for _, _, value, _ in rows(read(samples, PING, *EVER))] == [None, None, 1e300, 0.0]
        seal_recent(samples)


class Crash(Exception):  # noqa: N818 - what a kill looks like from inside
    pass


@contextmanager
def cut_off(samples: Samples, commits: int) -> Iterator[None]:
    """After so many commits there is no other."""
    left = [None] * commits

    def cut(_connection: object) -> None:
        if not left:
            raise Crash
        left.pop()

    event.listen(samples._writer, "commit", cut)
    try:
        yield
    finally:
        event.remove(samples._writer, "commit", cut)


@pytest.mark.parametrize("at_once", [1, 3])
def test_ended_at_any_commit_it_goes_on_where_it_was(samples: Samples, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Each transaction in turn is cut off before its commit; the next pass begins from what is on the disk."""
    monkeypatch.setattr("store.sealing._AT_ONCE", at_once)
    made = mixed()
    append(samples, made, at_once=50)
    for cut_at in itertools.cycle(range(9)):
        with suppress(Crash), cut_off(samples, cut_at):
            seal_recent(samples, 400)
            roll_up(samples, TODAY)
            if not waiting(samples):
                break
        check_all(samples, made)
    check_all(samples, made)
    assert_graphs(samples, made)


def expected(made: list[Look], of: Watched, item: str, step_s: int) -> dict[int, tuple[int, float, float, float]]:
    found: dict[int, list[float]] = {}
    for look in made:
        number = getattr(look, item)
        if look.of == of and number is not None:
            found.setdefault(look.at_s - look.at_s % step_s, []).append(number)
    return {at_s: (len(all_), min(all_), sum(all_) / len(all_), max(all_)) for at_s, all_ in found.items()}


def shown(found: Rollup) -> dict[int, tuple[int, float, float, float]]:
    return {
        int(at_s): (int(number), float(least), float(mean), float(most))
        for at_s, number, least, mean, most in zip(*found.columns(), strict=True)
    }


def assert_graphs(samples: Samples, made: list[Look]) -> None:
    for of, item in ((PING, "latency_ms"), (LOAD, "value"), (LOAD, "latency_ms"), (PING, "value")):
        for step_s in (300, 1800, 7200, DAY_S):
            wanted = expected(made, of, item, step_s)
            found = shown(graph(samples, of, item, (made[0].at_s, made[-1].at_s + 1), step_s))
            assert found.keys() == wanted.keys()
            for at_s, (number, least, mean, most) in wanted.items():
                assert (*found[at_s][:2], found[at_s][3]) == (number, least, most)
                assert found[at_s][2] == pytest.approx(mean, rel=1.1e-5)


def test_graphs_are_what_was_seen_whatever_is_rolled_up_by_then(samples: Samples) -> None:
    made = sorted(mixed() + looks(PING, MIDNIGHT_S - 20 * DAY_S, 200, seed=5), key=lambda look: look.at_s)
    append(samples, made[:500])
    assert_graphs(samples, made[:500])
    seal_recent(samples)
    assert_graphs(samples, made[:500])
    roll_up(samples, TODAY)
    append(samples, made[500:])
    assert_graphs(samples, made)
    seal_recent(samples)
    assert_graphs(samples, made)
    roll_up(samples, TODAY)
    assert_graphs(samples, made)


def test_what_comes_late_for_a_day_that_was_summed_up_is_in_it_all_the_same(samples: Samples) -> None:
    made = looks(PING, MIDNIGHT_S - DAY_S, 100)
    append(samples, made)
    seal_recent(samples)
    roll_up(samples, TODAY)
    late = looks(PING, MIDNIGHT_S - DAY_S + 60, 100, seed=9)
    append(samples, late)
    everything = sorted([*made, *late], key=lambda look: look.at_s)
    for step in (lambda: None, lambda: seal_recent(samples), lambda: roll_up(samples, TODAY)):
        step()
        assert_graphs(samples, everything)


def test_graphs_come_from_the_rollups(samples: Samples) -> None:
    """Without the days they are still there."""
    made = looks(PING, MIDNIGHT_S - DAY_S, 200)
    append(samples, made)
    seal_recent(samples)
    roll_up(samples, TODAY)
    with samples.write() as connection:
        connection.execute(DAY.delete())
    assert shown(graph(samples, PING, "latency_ms", EVER, DAY_S)).keys() == expected(made, PING, "latency_ms", DAY_S).keys()


def test_a_damaged_day_is_left_out_and_told_and_stops_nothing(samples: Samples, caplog: pytest.LogCaptureFixture) -> None:
    made = mixed()
    append(samples, made)
    seal_recent(samples)
    with samples.write() as connection:
        connection.execute(update(DAY).where(DAY.c.key == key_of(1, TODAY - 1)).values(data=b"nonsense"))
    first = next(look.of for look in made)
    left = [look for look in made if look.at_s // DAY_S != TODAY - 1]
    assert rows(read(samples, first, *EVER)) == meant(left, first)
    assert f"{first.check}, day {TODAY - 1} is damaged and left out" in caplog.text
    late = Look(first, MIDNIGHT_S - 5, Verdict.UP, None, 7.0)
    append(samples, [late])
    seal_recent(samples)
    assert f"day {TODAY - 1} of series 1 is damaged and lost" in caplog.text
    assert rows(read(samples, first, *EVER)) == meant([*left, late], first)


def test_a_damaged_rollup_is_made_anew_from_the_days(samples: Samples, caplog: pytest.LogCaptureFixture) -> None:
    made = looks(PING, MIDNIGHT_S - 3 * DAY_S, 600)
    append(samples, made)
    seal_recent(samples)
    roll_up(samples, TODAY - 1)
    with samples.write() as connection:
        connection.execute(update(MONTH).values(latency_ms=b"nonsense"))
    assert shown(graph(samples, PING, "latency_ms", EVER, DAY_S)), "what is not damaged is shown"
    roll_up(samples, TODAY)
    assert "is damaged and made anew" in caplog.text
    roll_up(samples, TODAY)
    assert_graphs(samples, made)


def test_what_is_older_than_thirteen_months_goes_and_nothing_else(samples: Samples) -> None:
    old, kept, other = (TODAY - 400) * DAY_S, (TODAY - 397) * DAY_S, Watched("gone/ping", "acme")
    made = looks(PING, old, 4, DAY_S) + looks(PING, MIDNIGHT_S, 10)
    append(samples, made)
    append(samples, looks(other, old, 2, DAY_S), today=TODAY - 399)
    seal_recent(samples)
    roll_up(samples, TODAY)
    assert age(samples, TODAY) == 3 + 2
    assert rows(read(samples, PING, *EVER)) == meant([look for look in made if look.at_s >= kept], PING)
    assert age(samples, TODAY) == 0
    assert count(samples, SERIES) == 2, "a month that is kept in part keeps its rollup"
    age(samples, TODAY + 60)
    assert (count(samples, MONTH), count(samples, SERIES)) == (0, 1)
    append(samples, looks(other, MIDNIGHT_S, 1))
    assert rows(read(samples, other, *EVER)) == meant(looks(other, MIDNIGHT_S, 1), other)


def test_a_clock_that_is_years_ahead_takes_little_with_it(samples: Samples) -> None:
    made = looks(PING, MIDNIGHT_S - 20 * DAY_S, 20, DAY_S)
    append(samples, made)
    seal_recent(samples)
    roll_up(samples, TODAY)
    assert age(samples, TODAY + 5000) == AGED_AT_ONCE
    assert_graphs(samples, made[AGED_AT_ONCE:])
    assert rows(read(samples, PING, *EVER)) == meant(made[AGED_AT_ONCE:], PING)


def test_whoever_writes_samples_waits_for_nobody_in_the_store_and_keeps_nobody_waiting(store: Store, samples: Samples) -> None:
    with store.write() as session:
        inbox.insert(session, down("e1"))
        session.flush()
        append(samples, looks(PING, MIDNIGHT_S, 20))
        seal_recent(samples)
    assert len(read(samples, PING, *EVER)) == 20
    with samples.write() as connection:
        connection.execute(RECENT.delete())
        with store.write() as session:
            inbox.insert(session, down("e2"))
    with store.read() as session:
        assert len(inbox.pending(session)) == 2


def test_samples_ring_no_doorbell(store: Store, samples: Samples) -> None:
    """Nobody wakes up for them."""
    append(samples, looks(PING, MIDNIGHT_S, 1))
    while store.changed():
        pass
    append(samples, looks(PING, MIDNIGHT_S, 20))
    seal_recent(samples)
    assert not store.changed()


class TestSqliteFile:
    @pytest.fixture
    def store(self, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
        made = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
        made.migrate()
        yield made
        made.close()

    def test_it_lies_beside_the_store_and_is_for_its_owner_only(self, samples: Samples, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="there are no samples yet"), samples.read():
            pass
        append(samples, looks(PING, MIDNIGHT_S, 1))
        assert samples.path == tmp_path / "hikeshi-samples.db"
        assert stat.S_IMODE(samples.path.stat().st_mode) == 0o600
        assert schema_version(samples.path) == 1

    def test_a_later_versions_is_refused_and_left_alone(self, store: Store, samples: Samples) -> None:
        append(samples, looks(PING, MIDNIGHT_S, 1))
        with samples.write() as connection:
            connection.execute(text("PRAGMA user_version = 2"))
        with closing(Samples(store)) as other, pytest.raises(StoreError, match="schema is 2, this hikeshi works with 1"):
            append(other, looks(PING, MIDNIGHT_S, 1))

    def test_what_is_no_such_file_is_refused(self, samples: Samples) -> None:
        assert samples.path is not None
        samples.path.write_bytes(b"nonsense" * 1000)
        with pytest.raises(StoreError, match="this is no file of samples"):
            append(samples, looks(PING, MIDNIGHT_S, 1))


def test_more_looks_a_day_than_a_block_takes_lose_the_oldest(
    samples: Samples, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("store.sealing.ROWS_MAX", 50)
    made = looks(PING, MIDNIGHT_S, 60)
    append(samples, made)
    seal_recent(samples)
    assert rows(read(samples, PING, *EVER)) == meant(made[10:], PING)
    assert "only the last 50 are kept" in caplog.text


def test_rollups_of_rollups_are_those_of_the_samples() -> None:
    from store.series import coarser, series

    numbers = np.array([random.Random(7).random() for _ in range(500)])
    at_s = MIDNIGHT_S + np.arange(500) * 600
    found = series(at_s, np.zeros(500, np.int64), numbers, np.full(500, np.nan))
    fine, once = roll(found, "value", 7200), roll(found, "value", DAY_S)
    again = coarser([fine.of(slice(0, 13)), fine.of(slice(13, None))], DAY_S)
    assert np.array_equal(again.at_s, once.at_s)
    assert np.array_equal(again.count, once.count)
    assert np.allclose(again.mean, once.mean, rtol=1e-12)
    assert np.array_equal(again.min, once.min)
    assert np.array_equal(again.max, once.max)
