"""The whole chain, paced: schedule, probe, judge, keep; by the real watcher's process, with a real store, in its second minute.

10,000 hosts, each with a ping, ten values over SNMP and two TCP ports, every other one with a page over TLS: once a minute each.
"""

from collections.abc import Iterator
from statistics import median

from bench import Figure
from bench.fleet import INTERVAL_S, watching

HOSTS = 10_000
SETTLE_S, MEASURE_S = INTERVAL_S + 5, INTERVAL_S


def figures() -> Iterator[Figure]:
    found = watching(HOSTS, SETTLE_S, MEASURE_S)
    of = f"{found.hosts:,} hosts"
    how = f"{found.looks / found.took_s:,.0f} looks a second, {found.cpu_s / found.looks * 1e6:.0f} µs each"
    yield Figure(f"watching {of}", found.core * 100, 20.0, "% of a core", how)
    lag = f"the latest of all looks; of each five seconds, half the time at most {median(found.lags_ms):.0f} ms"
    yield Figure(f"lag with {of}", max(found.lags_ms), 200.0, "ms", lag)
    yield Figure(f"memory with {of}", found.memory_mb, 600.0, "MB", f"{found.checks:,} checks")
