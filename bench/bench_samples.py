"""What samples cost: seen, written, sealed, on the disk; read as a year and as graphs. By SQLite, in a folder of its own.

The series are a usual host's, made by a fixed seed: response times of ping, a port and a page; CPU, memory, disk, load, traffic and
a count of processes, each with the response time of its request; looked at every 5 minutes. A number with its time is one sample,
so a look that brings a value and a response time brings two.
"""

import itertools
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import Figure
from domain.observation import Observation, Verdict
from engine.recording import Recorder
from store.clock import SystemClock
from store.db import Store
from store.looks import Look, Watched
from store.sample_reading import graph, read
from store.samples import Samples
from store.sealing import roll_up, seal_recent
from store.tables import WatcherRow

DAY_S = 86_400
DAYS = 365
STEP_S = 300
A_DAY = DAY_S // STEP_S
BEGIN_DAY = 20_000
HOSTS = 2
LOOKS = 20_250
ROUNDS = 3
GRAPHS = (("day", 1, 300), ("week", 7, 1800), ("month", 31, 7200), ("year", DAYS, DAY_S))
INTENTS = 150

Numbers = npt.NDArray[np.floating]


def series(random: np.random.Generator, count: int) -> dict[str, tuple[Numbers | None, Numbers]]:
    """Value (``None``: none) and response time in ms of each kind."""

    def around(typical_ms: float, spread: float) -> Numbers:
        return typical_ms * np.exp(random.normal(0, spread, count))

    snmp_ms = around(3.0, 0.2)
    day = np.sin(np.arange(count) * 2 * np.pi / A_DAY)
    return {
        "ping": (None, around(12.0, 0.05)),
        "tcp": (None, around(0.4, 0.2)),
        "http": (None, around(35.0, 0.3)),
        "cpu": (np.clip(20 + 10 * day + random.normal(0, 6, count), 0, 100).round(1), snmp_ms),
        "memory": (np.clip(50 + np.cumsum(random.normal(0, 0.2, count)), 0, 100).round(1), snmp_ms),
        "disk": ((60 + np.arange(count) * 0.0003).round(1), snmp_ms),
        "load": (np.abs(1 + 0.5 * day + random.normal(0, 0.3, count)).round(2), snmp_ms),
        "traffic": (np.exp(random.normal(16, 0.6, count) + day), snmp_ms),
        "process": (random.integers(80, 95, count).astype(float), snmp_ms),
    }


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="hikeshi-bench-") as name:
        store = Store(f"sqlite:///{Path(name) / 'hikeshi.db'}", SystemClock())
        store.migrate()
        with closing(store):
            with closing(Samples(store)) as samples:
                yield _seen_and_written(samples)
                with samples.write() as connection:
                    for table in ("sample_recent", "sample_series"):
                        connection.exec_driver_sql(f"DELETE FROM {table}")
            with closing(Samples(store, bulk=True)) as samples:
                yield from _a_year(samples)
                yield from _read(samples)
            yield from _intents(store)


def _seen_and_written(samples: Samples) -> Figure:
    """From the hand-over to the disk, a second's looks at a time, of 10,000 hosts with four checks a minute."""
    recorder = Recorder(samples, SystemClock())
    owners = {f"host{number}/ping": "shop" for number in range(1000)}
    names = [*owners]
    saw, best_s = Observation(Verdict.UP, "", 1.5, 12.3), float("inf")
    for _ in range(ROUNDS):  # in the first, series are made
        spent_s = 0.0
        for first in range(0, LOOKS, 750):
            seen = [(names[number % 1000], 1.8e9 + number, saw) for number in range(first, first + 750)]
            begun_s = time.process_time()
            recorder.keep(seen, owners)
            recorder.flush()
            spent_s += time.process_time() - begun_s
        best_s = min(best_s, spent_s)
    return Figure("a look, kept", best_s / LOOKS * 1e6, 5.0, "µs", "handed over, packed, committed; CPU, system included")


def _a_year(samples: Samples) -> Iterator[Figure]:
    """Day by day, as it comes."""
    assert samples.path is not None
    random = np.random.default_rng(20260101)
    made = {
        Watched(f"host{host}/{kind}", "shop"): numbers
        for host in range(HOSTS)
        for kind, numbers in series(random, DAYS * A_DAY).items()
    }
    sealing_s, rolling_s, looks, numbers = 0.0, 0.0, 0, 0
    for day in range(DAYS):
        rows = list(_day(made, day))
        samples.append(rows, BEGIN_DAY + day)
        begun_s = time.process_time()
        seal_recent(samples)
        sealed_s = time.process_time()
        roll_up(samples, BEGIN_DAY + day)
        sealing_s, rolling_s = sealing_s + sealed_s - begun_s, rolling_s + time.process_time() - sealed_s
        looks += len(rows)
        numbers += sum((row.value is not None) + (row.latency_ms is not None) for row in rows)
    with samples.read() as connection:
        blocks, days = connection.exec_driver_sql("SELECT sum(length(data)), count(*) FROM sample_day").one()
        rollups = connection.exec_driver_sql("SELECT sum(length(value) + length(latency_ms)) FROM sample_month").scalar_one()
    on_disk = samples.path.stat().st_size
    how = f"{numbers:,} samples of {looks:,} looks; {blocks / looks:.2f} a look"
    yield Figure("a sample, sealed", blocks / numbers, 2.0, "bytes", how)
    yield Figure("a sample, all in", on_disk / numbers, 2.0, "bytes", f"the file, of which rollups {rollups / on_disk:.0%}")
    yield Figure(
        "a series' day, sealed", sealing_s / days * 1e6, 1000.0, "µs", f"CPU; {looks / sealing_s / 1000:.0f}k looks a second"
    )
    yield Figure("a series' day, summed up", rolling_s / days * 1e6, 5000.0, "µs", "CPU; into its month, by 2 h and by days")


def _day(made: dict[Watched, tuple[Numbers | None, Numbers]], day: int) -> Iterator[Look]:
    for place in range(A_DAY):
        at = day * A_DAY + place
        for phase, (of, (value, latency_ms)) in enumerate(made.items()):
            at_s = (BEGIN_DAY * A_DAY + at) * STEP_S + phase * 7
            yield Look(of, at_s, Verdict.UP, float(value[at]) if value is not None else None, float(latency_ms[at]))


def _read(samples: Samples) -> Iterator[Figure]:
    begin_s, end_s = BEGIN_DAY * DAY_S, (BEGIN_DAY + DAYS) * DAY_S
    for kind, item in (("ping", "latency_ms"), ("cpu", "value"), ("traffic", "value")):
        year = partial(read, samples, Watched(f"host1/{kind}", "shop"), begin_s, end_s, [item])
        if len(year()) != DAYS * A_DAY:
            raise SystemExit(f"{kind}: {len(year())} looks, must be {DAYS * A_DAY}")
        yield Figure(f"a year of {kind}", _ms(year), 10.0, "ms", f"{DAYS * A_DAY:,} samples with their times and verdicts")
    of = Watched("host1/traffic", "shop")
    for name, days, step_s in GRAPHS:
        drawn = partial(graph, samples, of, "value", (end_s - days * DAY_S, end_s), step_s)
        points = len(drawn().at_s)
        yield Figure(f"graph of a {name}", _ms(drawn), 2.0, "ms", f"{points} buckets of {step_s} s: min, mean, max")


def _ms(work: Callable[[], object], times: int = 25) -> float:
    """The median of what it takes, warm."""
    taken = []
    for _ in range(times):
        begun_s = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun_s) * 1000)
    return sorted(taken)[len(taken) // 2]


def _intents(store: Store) -> Iterator[Figure]:
    """A transaction of the store, while another process writes and seals samples without a pause, and without that."""
    alone_ms = _write_ms(store)
    busy = multiprocessing.Process(target=_seal_on, args=(str(store.url), going := multiprocessing.Event()), daemon=True)
    busy.start()
    going.wait()
    beside_ms = _write_ms(store)
    busy.kill()
    busy.join()
    how = f"median {beside_ms:.2f} ms, {alone_ms:.2f} alone"
    yield Figure("a commit beside sealing", beside_ms / alone_ms, 2.0, "times", how)


def _write_ms(store: Store) -> float:
    def write() -> None:
        with store.write() as session:
            session.merge(WatcherRow(name="bench", seen_s=0.0))

    return _ms(write, INTENTS)


def _seal_on(url: str, going: Event) -> None:
    with closing(Samples(Store(url, SystemClock()), bulk=True)) as samples:
        for day in itertools.count(BEGIN_DAY):
            looks = [Look(Watched(f"busy{number}", "shop"), day * DAY_S + number, Verdict.UP, None, 1.0) for number in range(2000)]
            samples.append(looks, day)
            seal_recent(samples)
            roll_up(samples, day)
            going.set()
