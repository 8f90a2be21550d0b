"""Zabbix's pollers, as its proxy runs them: it needs no server for that. At its own pace, one look at each item a second.

Its configuration is what a server would have sent, written into its SQLite database before it starts. What it saw it writes there
as well; that is part of what it does and is counted, as its processes can't be told to leave it.
"""

import gzip
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from bench.cost import Cost, tree_cpu_s
from bench.tiny import NEEDLE
from bench.tiny_datagrams import COMMUNITY, COUNTERS, STEP

SCHEMA = Path("/usr/share/zabbix-proxy-sqlite3/schema.sql.gz")
SETTLE_S, MEASURE_S, WRITTEN_S = 4.0, 8.0, 3.0
_SIMPLE, _HTTP_AGENT, _SNMP_AGENT = 3, 19, 20
_NUMBER, _TEXT = 3, 4

Item = Mapping[str, object]


def ping(port: int) -> list[Item]:  # noqa: ARG001 - as the others
    return [{"type": _SIMPLE, "key_": "icmpping[,1]"}]


def service(name: str, port: int) -> list[Item]:
    """``tcp`` or ``ssh``."""
    return [{"type": _SIMPLE, "key_": f"net.tcp.service[{name},,{port}]"}]


def page(scheme: str, port: int) -> list[Item]:
    """Status 200, verified where it is https; the body is kept and compared here."""
    item = {"type": _HTTP_AGENT, "key_": "page", "url": f"{scheme}://{{HOST.CONN}}:{port}/", "timeout": "5s", "value_type": _TEXT}
    return [{**item, "verify_peer": 1, "verify_host": 1, "follow_redirects": 0}]


def ten(port: int) -> list[Item]:  # noqa: ARG001 - as the others
    """Ten items of one agent, which it gets with one request."""
    names = [".".join(map(str, oid)) for oid in COUNTERS]
    return [{"type": _SNMP_AGENT, "key_": f"octets{place}", "snmp_oid": f".{name}"} for place, name in enumerate(names, 1)]


def run(into: Path, addresses: Sequence[str], items: Sequence[Item], port: int, ca_file: Path) -> Cost:
    """These items on each address, each once a second; ``port`` is the SNMP agent's. Once more where something was missed."""
    with suppress(RuntimeError):
        return _run(into, addresses, items, port, ca_file)
    return _run(into, addresses, items, port, ca_file)


def _run(into: Path, addresses: Sequence[str], items: Sequence[Item], port: int, ca_file: Path) -> Cost:
    folder = Path(tempfile.mkdtemp(dir=into))
    database = folder / "proxy.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(gzip.decompress(SCHEMA.read_bytes()).decode())
        _configure(connection, addresses, items, port)
    with _proxy(folder, database, ca_file) as process:
        time.sleep(SETTLE_S)
        begun_cpu_s, begun_s = tree_cpu_s(process), time.time()
        time.sleep(MEASURE_S)
        cpu_s, ended_s = tree_cpu_s(process) - begun_cpu_s, time.time()
        time.sleep(WRITTEN_S)
        values = _values(database, begun_s, ended_s)
    wrong = [(item, value) for item, value in values if not _right(items[item % len(items)], item % len(items), value)]
    if wrong or not values:
        raise RuntimeError(f"zabbix: of {len(values)} values {len(wrong)} are wrong: {wrong[:1]}; {_log(folder)}")
    return Cost(len(values) // len(items), cpu_s, ended_s - begun_s)


def _configure(connection: sqlite3.Connection, addresses: Sequence[str], items: Sequence[Item], port: int) -> None:
    number = 0
    for host, address in enumerate(addresses, 1):
        _insert(connection, "hosts", hostid=host, host=f"host{host}", name=f"host{host}", status=0)
        kind = 2 if items[0]["type"] == _SNMP_AGENT else 1
        _insert(connection, "interface", interfaceid=host, hostid=host, main=1, type=kind, useip=1, ip=address, port=str(port))
        if kind == 2:
            _insert(connection, "interface_snmp", interfaceid=host, version=2, bulk=1, community=COMMUNITY)
        for item in items:
            settled = {"value_type": _NUMBER, "name": str(item["key_"]), "delay": "1s", **item}
            _insert(connection, "items", itemid=number + 1, hostid=host, interfaceid=host, status=0, **settled)
            _insert(connection, "item_rtdata", itemid=number + 1)
            number += 1


def _insert(connection: sqlite3.Connection, table: str, **row: object) -> None:
    names, places = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", [*row.values()])


@contextmanager
def _proxy(folder: Path, database: Path, ca_file: Path) -> Iterator[psutil.Process]:
    settings = {
        "ProxyMode": 1,
        "Hostname": "bench",
        "ListenIP": "127.0.0.1",
        "ListenPort": _low_port(),
        "Server": "127.0.0.1",
        "DBName": database,
        "LogFile": folder / "proxy.log",
        "PidFile": folder / "proxy.pid",
        "SocketDir": folder,
        "FpingLocation": "/usr/bin/fping",
        "SSLCALocation": ca_file.parent,
        "AllowRoot": 1,
        "StartPollers": 8,
        "StartPingers": 1,  # several take answers from each other, and miss some
        "StartTrappers": 1,
        "StartPreprocessors": 1,
        "StartPollersUnreachable": 1,
        "CacheSize": "256M",
        "HistoryCacheSize": "64M",
        "HistoryIndexCacheSize": "16M",
        "Timeout": 5,
    }
    config = folder / "proxy.conf"
    config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    with subprocess.Popen(["zabbix_proxy", "-f", "-c", str(config)], stdout=subprocess.DEVNULL) as process:
        try:
            time.sleep(1.0)
            if process.poll() is not None:
                raise RuntimeError(f"zabbix_proxy does not start: {_log(folder)}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()


def _low_port() -> int:
    """Zabbix takes none above 32767, and listens whether anybody will speak to it or not."""
    for port in range(21_050, 32_767):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("no port is free")


def _values(database: Path, begun_s: float, ended_s: float) -> list[tuple[int, str]]:
    """By the place of their item; of errors the text."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        asked = "SELECT itemid - 1, value FROM proxy_history WHERE clock + ns / 1e9 BETWEEN ? AND ?"
        return list(connection.execute(asked, (begun_s, ended_s)))


def _right(item: Item, place: int, value: str) -> bool:
    if item["type"] == _SNMP_AGENT:
        return int(value) // STEP == place + 1
    return NEEDLE in value if item["type"] == _HTTP_AGENT else value == "1"


def _log(folder: Path) -> str:
    return (folder / "proxy.log").read_text(errors="replace")[-400:]
