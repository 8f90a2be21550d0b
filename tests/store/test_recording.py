"""What the watcher sees reaches the samples: a crash loses a second, a store that is away loses the oldest, and says so."""

import itertools
import multiprocessing
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hand_clock import HandClock
from seen_looks import LOAD, MIDNIGHT_S, PING, looks, rows
from sqlalchemy import func, select, text
from store_samples import WAIT_S, accept, opened, policy

from domain.model import Level
from domain.observation import Limit, Observation, Verdict, down, unknown, up
from engine.recording import EVERY_S, Recorder
from engine.sealing import EVERY_S as SEAL_EVERY_S
from engine.sealing import Sealer
from engine.watching import StoreDesk
from store.clock import SystemClock
from store.db import Store
from store.looks import Watched
from store.sample_reading import read
from store.sample_tables import RECENT
from store.samples import Samples
from store.sealing import roll_up, seal_recent, waiting
from store.tables import WatcherRow
from watch.desk import Seen
from watch.watcher import DOORBELL_S

EVER = (0.0, 4e9)
FORK = multiprocessing.get_context("fork")
"""What is killed runs nothing of ours at its end, and begins at once."""
OWNERS = {"web01/ping": "acme", "web01/load": "acme"}


@pytest.fixture
def samples(store: Store) -> Iterator[Samples]:
    made = Samples(store)
    yield made
    made.close()


def seen(first: int, count: int) -> list[Seen]:
    return [("web01/ping", MIDNIGHT_S + at_s + 0.9, up()._replace(latency_ms=float(at_s))) for at_s in range(first, first + count)]


def times(samples: Samples, of: Watched = PING) -> list[int]:
    return [at_s - MIDNIGHT_S for at_s, *_ in rows(read(samples, of, *EVER))]


def test_each_look_is_kept_with_what_it_saw(samples: Samples, clock: HandClock) -> None:
    recorder = Recorder(samples, clock)
    limit = Limit(Level.SERVICE_DOWN, ">", 80.0, "%")
    recorder.keep(
        [
            ("web01/load", MIDNIGHT_S + 1.2, Observation(Verdict.UP, "fine", 0.5, 12.34)),
            ("web01/load", MIDNIGHT_S + 2.9, down("too much", 99.5, limit)),
            ("web01/load", MIDNIGHT_S + 3.0, unknown("no route")._replace(latency_ms=3.0, value=7.0)),
            ("web01/gone", MIDNIGHT_S + 4.0, up()),
        ],
        OWNERS,
    )
    assert recorder.unkept == 4
    recorder.flush()
    assert (recorder.unkept, recorder.lost) == (0, 0)
    assert rows(read(samples, LOAD, *EVER)) == [
        (MIDNIGHT_S + 1, Verdict.UP, 0.5, 12.3),
        (MIDNIGHT_S + 2, Verdict.DOWN, 99.5, None),
        (MIDNIGHT_S + 3, Verdict.UNKNOWN, None, None),
    ], "what could not be judged has no number, and was looked at all the same"
    assert waiting(samples) == 3, "what has left the inventory is nobody's"


def test_a_flush_is_one_commit(samples: Samples, clock: HandClock) -> None:
    recorder = Recorder(samples, clock)
    for first in range(0, 50, 10):
        recorder.keep(seen(first, 10), OWNERS)
    recorder.flush()
    recorder.flush()
    with samples.read() as connection:
        assert connection.execute(select(func.count()).select_from(RECENT)).scalar_one() == 1
    assert times(samples) == list(range(50))


def test_what_waited_long_is_written_piece_by_piece(samples: Samples, clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.recording.AT_ONCE", 10)
    recorder = Recorder(samples, clock)
    recorder.keep(seen(0, 25), OWNERS)
    recorder.flush()
    with samples.read() as connection:
        assert connection.execute(select(RECENT.c.looks)).scalars().all() == [10, 10, 5]
    assert times(samples) == list(range(25))


class TestAway:
    """The samples' file is no such file, for a while."""

    @pytest.fixture
    def store(self, tmp_path: Path, clock: HandClock) -> Iterator[Store]:
        made = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
        made.migrate()
        yield made
        made.close()

    @pytest.fixture
    def broken(self, samples: Samples) -> Path:
        assert samples.path is not None
        samples.path.write_bytes(b"nonsense" * 1000)
        return samples.path

    def test_it_waits_and_the_oldest_go_and_that_is_told(
        self, samples: Samples, broken: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        recorder = Recorder(samples, clock, waiting_max=25)
        for first in range(0, 20, 10):
            recorder.keep(seen(first, 10), OWNERS)
            recorder.flush()
        assert (recorder.unkept, recorder.lost) == (20, 0)
        recorder.keep(seen(20, 10), OWNERS)
        recorder.flush()
        assert (recorder.unkept, recorder.lost) == (25, 5)
        assert caplog.text.count("samples can't be kept") == 1
        broken.unlink()
        recorder.flush()
        assert (recorder.unkept, recorder.lost) == (0, 5)
        assert times(samples) == list(range(5, 30))
        assert "samples are kept again; lost since the beginning: 5 looks" in caplog.text

    def test_while_a_flush_hangs_it_is_bounded_too(self, samples: Samples, clock: HandClock) -> None:
        recorder = Recorder(samples, clock, waiting_max=25)
        for first in range(0, 40, 10):
            recorder.keep(seen(first, 10), OWNERS)
        assert (recorder.unkept, recorder.lost) == (20, 20)

    def test_the_desk_goes_on_and_says_how_many_wait(self, store: Store, broken: Path, clock: HandClock) -> None:
        accept(store, policy())
        desk = StoreDesk(store, "watcher")
        desk.policy()
        desk.recorder._waiting_max = 2
        for at_s in range(3):
            desk.keep([("web01/http", MIDNIGHT_S + at_s, up())])
            desk.recorder.flush()
        desk.beat(0.0)
        desk.recorder.close()
        with store.read() as session:
            row = session.get(WatcherRow, "watcher")
        assert row is not None
        assert (row.unkept, row.lost) == (2, 1)


def test_the_desk_keeps_for_the_customer_of_the_inventory(store: Store, samples: Samples) -> None:
    desk = StoreDesk(store, "watcher")
    desk.keep([("web01/http", MIDNIGHT_S, up())])
    accept(store, policy())
    desk.policy()
    desk.keep([("web01/http", MIDNIGHT_S + 1, up())])
    desk.recorder.flush()
    desk.recorder.close()
    assert times(samples, Watched("web01/http", "acme")) == [1]


def test_an_end_in_good_order_loses_nothing(real_store: Store) -> None:
    with closing(Samples(real_store)) as samples:
        recorder = Recorder(samples, SystemClock())
        with recorder.running():
            recorder.keep(seen(0, 10), OWNERS)
        assert times(samples) == list(range(10))


def _watch(url: str, told: object) -> None:
    store = opened(url)
    recorder = Recorder(Samples(store), SystemClock())
    for first in itertools.count(0, 10):
        recorder.keep(seen(first, 10), OWNERS)
        recorder.flush()
        told.put(first + 10)  # type: ignore[attr-defined]


def test_what_was_flushed_survives_a_kill_so_that_a_crash_loses_a_second(real_store: Store, store_url: str) -> None:
    """A look waits for the next visit to the desk, and then for the next flush."""
    assert DOORBELL_S + EVERY_S < 1.0
    told = FORK.Queue()
    watcher = FORK.Process(target=_watch, args=(store_url, told))
    watcher.start()
    flushed = [told.get(timeout=WAIT_S) for _ in range(30)]
    watcher.kill()
    watcher.join(WAIT_S)
    with closing(Samples(real_store)) as samples:
        found = times(samples)
    assert found == list(range(len(found)))
    assert len(found) >= flushed[-1]


def test_a_flush_is_on_the_disk_and_not_with_the_system_only(samples: Samples) -> None:
    setting = "PRAGMA synchronous" if samples.path is not None else "SHOW synchronous_commit"
    with samples.write() as connection:
        assert connection.execute(text(setting)).scalar_one() in {2, "on"}


def _seal_on(url: str, going: object) -> None:
    store = opened(url)
    samples = Samples(store, bulk=True)
    while True:
        seal_recent(samples, 100)
        roll_up(samples, 2**31)
        going.set()  # type: ignore[attr-defined]


def test_killed_while_it_seals_nothing_is_lost_or_there_twice(real_store: Store, store_url: str) -> None:
    made = looks(PING, MIDNIGHT_S, 400, 400) + looks(LOAD, MIDNIGHT_S, 400, 400)
    with closing(Samples(real_store)) as samples:
        for round_ in range(4):
            for begin in range(round_ * 200, round_ * 200 + 200, 5):
                samples.append(made[begin : begin + 5], 0)
            going = FORK.Event()
            sealer = FORK.Process(target=_seal_on, args=(store_url, going))
            sealer.start()
            assert going.wait(WAIT_S)
            sealer.kill()
            sealer.join(WAIT_S)
        for of in (PING, LOAD):
            assert [at_s for at_s, *_ in rows(read(samples, of, *EVER))] == [look.at_s for look in made if look.of == of]


def test_the_sealer_seals_by_the_hour_and_when_much_waits(
    samples: Samples, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer = Sealer(samples, clock)
    for sealed in (True, False, False):
        samples.append(looks(PING, MIDNIGHT_S, 3), 0)
        sealer.once()
        assert (waiting(samples) == 0) is sealed
        clock.sleep(SEAL_EVERY_S / 3)
    clock.sleep(SEAL_EVERY_S)
    sealer.once()
    assert waiting(samples) == 0
    monkeypatch.setattr("engine.sealing.LOOKS_MAX", 5)
    samples.append(looks(PING, MIDNIGHT_S, 5), 0)
    sealer.once()
    assert waiting(samples) == 0
