"""Against others that look at the same targets in the same run: checks per CPU-second, user and system, of all their processes.

A ratio is ours divided by theirs at the same rate: both as fast as they go, or both paced. Each look of each of them must have seen
what is right. Where a peer goes at a pace of its own (Zabbix, one look at each item a second), ours goes at the pace it had.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from bench import Figure, ours, tiny, tiny_datagrams, tiny_tls
from bench.cost import Cost, median_of
from bench.peers import exporters, fping, libraries, plugins, zabbix

ROUNDS = 3
HOSTS = tiny.hosts(50)
ITEMS = tiny.hosts(600)
"""Of Zabbix, one a second each."""
AGENTS = tiny.hosts(300)
PINGED = tiny.hosts(10_000)
PACE_S = 1000.0
PACED = 4000

Run = Callable[[], Cost]


def figures() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="hikeshi-bench-") as name:
        folder = Path(name)
        with tiny_tls.page(folder / "nginx", HOSTS) as tls:
            yield from _pings(folder, tls.ca_file)
            with exporters.blackbox(folder, tls.ca_file) as blackbox:
                yield from _banners(folder, tls.ca_file, blackbox)
                yield from _pages(folder, tls.ca_file, blackbox)
                yield from _verified(folder, tls, blackbox)
                yield from _records(blackbox)
        yield from _counters(folder, tls.ca_file)


def _pings(folder: Path, ca_file: Path) -> Iterator[Figure]:
    burst, once = ours.looks("ping", PINGED, {}, len(PINGED)), ours.looks("ping", ITEMS, {}, PACED)
    yield _against("ICMP burst", 3.0, lambda: ours.burst(burst), "fping -i0", lambda: fping.burst(PINGED))
    paced = partial(fping.paced, PINGED[: int(PACE_S)], PACED // int(PACE_S), PACE_S)
    yield _against("ICMP paced", 2.5, lambda: ours.paced(once, PACE_S), "fping -i1", paced)
    yield _at_its_pace("ICMP paced", 4.0, once, _zabbix(folder, ITEMS, zabbix.ping(0), 0, ca_file))


def _banners(folder: Path, ca_file: Path, blackbox: exporters.Exporter) -> Iterator[Figure]:
    for name, kind, module in (("TCP connect", "tcp", "tcp"), ("SSH banner", "ssh", "banner")):
        with tiny.banner() as port:
            burst = partial(ours.burst, ours.looks(kind, HOSTS, {"port": port}, 10_000))
            theirs = partial(blackbox.look, module, _with(port) * 40)
            yield _against(name, 9.0, burst, "blackbox_exporter", theirs)
            plugin = partial(plugins.run, f"check_{kind}", HOSTS, "-p", str(port))
            yield _against(name, 25.0, burst, f"check_{kind}", plugin)
            paced = ours.looks(kind, ITEMS, {"port": port}, PACED)
            yield _at_its_pace(name, 1.3, paced, _zabbix(folder, ITEMS, zabbix.service(kind, port), port, ca_file))


def _pages(folder: Path, ca_file: Path, blackbox: exporters.Exporter) -> Iterator[Figure]:
    name = "HTTP + string"
    with tiny.page() as port:
        options = {"url": f"http://x:{port}/", "contains": tiny.NEEDLE}
        burst = partial(ours.burst, ours.looks("url", HOSTS, options, 8000))
        urls = [f"http://{host}:{port}/" for host in HOSTS]
        yield _against(name, 10.0, burst, "blackbox_exporter", lambda: blackbox.look("page", urls * 40))
        yield _against(name, 25.0, burst, "httpx", lambda: libraries.pages(urls * 10))
        check = ["-p", str(port), "-s", tiny.NEEDLE]
        yield _against(name, 25.0, burst, "check_http", lambda: plugins.run("check_http", HOSTS, *check))
        paced = ours.looks("url", ITEMS, options, PACED)
        yield _at_its_pace(name, 3.0, paced, _zabbix(folder, ITEMS, zabbix.page("http", port), port, ca_file))


def _verified(folder: Path, tls: tiny_tls.Served, blackbox: exporters.Exporter) -> Iterator[Figure]:
    name = "HTTPS, verified"
    looks = [_page_over(tls, host) for host in HOSTS * 6]
    urls = [f"https://{host}:{tls.port}/" for host in HOSTS]
    yield _against(name, 1.6, lambda: ours.burst(looks * 5), "blackbox_exporter", lambda: blackbox.look("tls", urls * 20))
    theirs = _zabbix(folder, HOSTS * 6, zabbix.page("https", tls.port), tls.port, tls.ca_file)
    yield _at_its_pace(name, 1.6, looks * 7, theirs)


def _page_over(tls: tiny_tls.Served, host: str) -> ours.Start:
    options = {"url": f"https://{host}:{tls.port}/", "contains": tiny.NEEDLE, "ca_file": str(tls.ca_file)}
    (look,) = ours.looks("url", [host], options, 1)
    return look


def _records(blackbox: exporters.Exporter) -> Iterator[Figure]:
    with tiny_datagrams.dns(HOSTS) as port:
        options: Mapping[str, object] = {"name": tiny_datagrams.NAME, "port": port, "values": [tiny_datagrams.RECORD]}
        burst = partial(ours.burst, ours.looks("dns", HOSTS, options, 30_000))
        yield _against("DNS A", 40.0, burst, "blackbox_exporter", lambda: blackbox.look("dns", _with(port) * 40))


def _counters(folder: Path, ca_file: Path) -> Iterator[Figure]:
    name = "SNMP get of 10"
    with tiny_datagrams.agent(AGENTS) as port, exporters.snmp(folder) as exporter:
        burst = partial(ours.burst, ours.gets_of_ten(AGENTS, port, 15_000))
        yield _against(name, 10.0, burst, "snmp_exporter", lambda: exporter.look("ten", _with(port) * 40))
        yield _against(name, 100.0, burst, "pysnmp", lambda: libraries.gets_of_ten(AGENTS, port))
        paced = ours.gets_of_ten(AGENTS, port, 2400)
        yield _at_its_pace(name, 8.0, paced, _zabbix(folder, AGENTS, zabbix.ten(port), port, ca_file))


def _with(port: int) -> list[str]:
    return [f"{host}:{port}" for host in HOSTS]


def _zabbix(folder: Path, addresses: Sequence[str], items: Sequence[zabbix.Item], port: int, ca_file: Path) -> Run:
    return partial(zabbix.run, folder, addresses, items, port, ca_file)


def _against(name: str, wanted: float, own: Run, peer: str, theirs: Run) -> Figure:
    return _figure(name, wanted, median_of(ROUNDS, own), peer, median_of(ROUNDS, theirs))


def _at_its_pace(name: str, wanted: float, looks: Sequence[ours.Start], theirs: Run) -> Figure:
    cost = theirs()
    return _figure(name, wanted, median_of(ROUNDS, lambda: ours.paced(looks, cost.rate_s)), "Zabbix", cost)


def _figure(name: str, wanted: float, own: Cost, peer: str, theirs: Cost) -> Figure:
    how = f"{_k(own.per_cpu_s)} against {_k(theirs.per_cpu_s)} a CPU-second; {_k(own.rate_s)} and {_k(theirs.rate_s)} a second"
    return Figure(f"{name}: {peer}", own.per_cpu_s / theirs.per_cpu_s, wanted, "×", how, at_least=True)


def _k(number: float) -> str:
    return f"{number / 1000:.3g}k"
