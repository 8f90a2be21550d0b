"""Many hosts on one machine, watched by the real watcher's process with a real store: what that costs."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import insert, text
from sqlmodel import func, select

from bench import tiny, tiny_datagrams, tiny_tls
from bench.cost import tree_cpu_s
from domain.checks import PROFILES
from domain.model import Brand, Check, Contract, Customer, FaultClass, Host, Level, OnCall, Policy, Secret, SnmpAccess
from domain.observation import Verdict
from probes import PROBES
from store import policies
from store.clock import SystemClock
from store.codec import encode
from store.db import Store
from store.samples import Samples
from store.tables import Inbox, VerdictRow, WatcherRow

READINGS = ("load", "memory", "swap", "logins", "mailqueue")
"""Ten values in all, of one session."""
INTERVAL_S = 60.0
BEGUN_S = 60.0
VARIABLE = "BENCH_COMMUNITY"


class Watching(NamedTuple):
    """What the watcher took, over so long. ``looks``: judged and kept as samples, each of them up; ``lag_ms``: how late the latest
    look began, of each five seconds."""

    hosts: int
    checks: int
    looks: int
    took_s: float
    cpu_s: float
    memory_mb: float
    lags_ms: list[float]

    @property
    def core(self) -> float:
        """The share of one."""
        return self.cpu_s / self.took_s


class _Ports(NamedTuple):
    agent: int
    first: int
    second: int
    tls: tiny_tls.Served


def watching(hosts: int, settle_s: float, measure_s: float) -> Watching:
    """Each host has a ping, two TCP ports and an SNMP agent, every other one a page over TLS as well; each is looked at once a
    minute. It is measured so long, and so long after the first looks. Raises ``RuntimeError`` where anything is not up."""
    addresses = tiny.hosts(hosts)
    with tempfile.TemporaryDirectory(prefix="hikeshi-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        ports = _Ports(
            stack.enter_context(tiny_datagrams.agent(addresses, tiny_datagrams.HEALTHY)),
            stack.enter_context(tiny.banner()),
            stack.enter_context(tiny.banner()),
            stack.enter_context(tiny_tls.page(folder / "nginx", [])),
        )
        store = Store(f"sqlite:///{folder / 'hikeshi.db'}", SystemClock())
        store.migrate()
        policy = _policy(addresses, ports)
        _accept(store, policy)
        process = stack.enter_context(_watcher(folder))
        checks = sum(len(host.checks) for host in policy.hosts.values())
        _until_watching(store, checks)
        time.sleep(settle_s)
        return _measured(store, process, hosts, checks, measure_s)


def _policy(addresses: list[str], ports: _Ports) -> Policy:
    made = {f"host{number:05d}": address for number, address in enumerate(addresses)}
    hosts = {name: _host(name, address, ports, place % 2 == 0) for place, (name, address) in enumerate(made.items())}
    customer = Customer("shop", "Shop", (), Contract())
    return Policy("bench", Brand("Bench", "bench@example.test"), {"shop": customer}, hosts, {}, OnCall(()))


def _host(name: str, address: str, ports: _Ports, with_page: bool) -> Host:
    page = {"url": f"https://{tiny_tls.NAME}:{ports.tls.port}/", "contains": tiny.NEEDLE, "ca_file": str(ports.tls.ca_file)}
    kinds: list[tuple[str, str, Mapping[str, object]]] = [
        ("ping", "ping", {}),
        ("first", "tcp", {"port": ports.first}),
        ("second", "tcp", {"port": ports.second}),
        *((kind, kind, {}) for kind in READINGS),
        *([("page", "url", page)] if with_page else []),
    ]
    snmp = SnmpAccess("2c", Secret("env", VARIABLE), ports.agent)
    checks = [
        Check(
            id=f"{name}/{called}",
            host=name,
            kind=kind,
            address=address,
            level=Level.WARNING,
            fault_class=FaultClass.SERVICE,
            interval_s=INTERVAL_S,
            timeout_s=PROBES[kind].timeout_s,
            confirmation=PROFILES["rapid"].confirmation,
            snmp=snmp if kind in READINGS else None,
            options=options,
        )
        for called, kind, options in kinds
    ]
    return Host(name, name, "shop", address, tuple(checks))


def _accept(store: Store, policy: Policy) -> None:
    """As if all had been up before: what is watched is the steady state."""
    now_s = store.clock.now_s()
    rows = [
        {"check": check.id, "host": host.id, "verdict": Verdict.UP, "since_s": now_s, "at_s": now_s, "detail": ""}
        for host in policy.hosts.values()
        for check in host.checks
    ]
    with store.write() as session:
        policies.accept(session, policy.version, encode(policy), "bench", now_s)
        session.connection().execute(insert(VerdictRow), rows)


@contextmanager
def _watcher(folder: Path) -> Iterator[psutil.Process]:
    environment = {**os.environ, "HIKESHI_HOME": str(folder), VARIABLE: tiny_datagrams.COMMUNITY}
    log = (folder / "watcher.log").open("wb")
    with log, subprocess.Popen([sys.executable, "-m", "hikeshi", "process", "watcher"], env=environment, stderr=log) as process:
        try:
            yield psutil.Process(process.pid)
        except RuntimeError as error:
            raise RuntimeError(f"{error}; {(folder / 'watcher.log').read_text(errors='replace')[-800:]}") from error
        finally:
            process.send_signal(signal.SIGTERM)


def _measured(store: Store, process: psutil.Process, hosts: int, checks: int, measure_s: float) -> Watching:
    samples = Samples(store)
    begun_looks, begun_cpu_s, begun_s, lags_ms = _looks(samples), tree_cpu_s(process), time.monotonic(), list[float]()
    while (took_s := time.monotonic() - begun_s) < measure_s:
        time.sleep(min(5.0, measure_s - took_s))
        with store.read() as session:
            lags_ms += session.exec(select(WatcherRow.lag_ms)).all()
    cpu_s, memory_mb = tree_cpu_s(process) - begun_cpu_s, process.memory_info().rss / 1e6
    found = Watching(hosts, checks, _looks(samples) - begun_looks, time.monotonic() - begun_s, cpu_s, memory_mb, lags_ms)
    samples.close()
    with store.read() as session:
        news = session.exec(select(func.count()).select_from(Inbox)).one()
        some = session.exec(select(Inbox.payload).limit(1)).first()
    store.close()
    expected = checks / INTERVAL_S * found.took_s
    if news or abs(found.looks - expected) > max(0.05 * expected, 100):
        raise RuntimeError(f"{found.looks} looks, should be {expected:.0f}; {news} verdicts changed, the first: {some}")
    return found


def _until_watching(store: Store, checks: int) -> None:
    """Until it has looked at something."""
    give_up_s = time.monotonic() + BEGUN_S
    samples = Samples(store)
    while not (samples.begun and _looks(samples)):
        if time.monotonic() > give_up_s:
            raise RuntimeError(f"the watcher has not begun within {BEGUN_S:g} s, with {checks} checks")
        time.sleep(0.5)
    samples.close()


def _looks(samples: Samples) -> int:
    with samples.read() as connection:
        return int(connection.execute(text("SELECT coalesce(sum(looks), 0) FROM sample_recent")).scalar_one())
