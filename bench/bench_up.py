"""What `hikeshi up` costs when nothing happens: 100 checks a minute, all of them up, for a minute."""

import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from bench import Figure
from bench.running import running, write_inventory

HOSTS = 100
SETTLE_S = 30.0
"""After the flows are served: what was imported is, and half of the checks have been looked at."""
MEASURE_S = 60.0
OURS = ("engine", "watcher", "sealer", "hands", "ingress", "executor")

HOST = """
  host{number:03d}:
    label: host{number:03d}
    customer: shop
    address: 127.0.0.1
    profile: rapid
    checks:
      http: {{url: "http://127.0.0.1:{port}/", status: 200}}
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"up\n")

    def log_message(self, *_: object) -> None:
        """Quiet."""


def figures() -> Iterator[Figure]:
    """CPU of all processes but the Prefect server, which has no limit of ours; memory of the three that decide, look and act."""
    with tempfile.TemporaryDirectory(prefix="hikeshi-bench-") as name, ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = Path(name)
        hosts = "hosts:" + "".join(HOST.format(number=number, port=server.server_port) for number in range(HOSTS))
        # hosts without a login can't be promised that their services are restarted
        inventory = write_inventory(folder, hosts, {"recovers: [server, service]": "recovers: [server]"})
        with running(folder, inventory) as up:
            time.sleep(SETTLE_S)
            before, started_s = _cpu_s(up), time.monotonic()
            time.sleep(MEASURE_S)
            after, took_s = _cpu_s(up), time.monotonic() - started_s
            memory = {name: _rss_mb(process) for name, process in _named(up).items()}
        server.shutdown()
    if set(before) != {*OURS, "up"} or set(after) != set(before):
        raise RuntimeError(f"not everything ran all the time: {sorted(before)}, then {sorted(after)}")
    share = {name: (after[name] - before[name]) / took_s * 100 for name in after}
    yield Figure("up, idle, 100 checks/min", sum(share.values()), 5.0, "% of a core", _each(share))
    deciding = {name: memory[name] for name in ("engine", "watcher", "hands")}
    yield Figure("engine + watcher + hands", sum(deciding.values()), 300.0, "MB", _each(deciding))


def _named(up: subprocess.Popen[bytes]) -> dict[str, psutil.Process]:
    """The processes of `up` by their name, without the Prefect server."""
    found = {"up": psutil.Process(up.pid)}
    for child in found["up"].children():
        words = child.cmdline()
        name = "executor" if "flows.serve" in words else words[-1]
        if name in OURS:
            found[name] = child
    return found


def _cpu_s(up: subprocess.Popen[bytes]) -> dict[str, float]:
    """CPU seconds so far, user and system, each with what it has started (the executor's fork server)."""
    return {
        name: sum(one.cpu_times().user + one.cpu_times().system for one in [process, *_below(name, process)])
        for name, process in _named(up).items()
    }


def _below(name: str, process: psutil.Process) -> list[psutil.Process]:
    return process.children(recursive=True) if name != "up" else []


def _rss_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 1e6


def _each(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
