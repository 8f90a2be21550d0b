"""Prometheus's exporters: asked over HTTP for one look each, some at a time. Whoever asks them costs them nothing."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import psutil

from bed.process import free_port
from bench.cost import Cost, tree_cpu_s
from bench.tiny import BANNER, NEEDLE
from bench.tiny_datagrams import COMMUNITY, COUNTERS, NAME, RECORD, STEP

AT_ONCE = 16
START_S = 20.0


class Exporter:
    """``look`` at targets by a module; an answer is right where ``right`` says so."""

    def __init__(self, process: psutil.Process, port: int, path: str, right: Callable[[str], bool]) -> None:
        self._process, self._port, self._path, self._right = process, port, path, right

    def look(self, module: str, targets: Sequence[str]) -> Cost:
        """One look at each."""
        begun_cpu_s, begun_s = tree_cpu_s(self._process), time.monotonic()
        shares = [targets[place::AT_ONCE] for place in range(AT_ONCE)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda share: self._some(module, share), shares))
        return Cost(len(targets), tree_cpu_s(self._process) - begun_cpu_s, time.monotonic() - begun_s)

    def _some(self, module: str, targets: Sequence[str]) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        for target in targets:
            connection.request("GET", f"{self._path}?{urlencode({'module': module, 'target': target})}")
            body = connection.getresponse().read().decode()
            if not self._right(body):
                raise RuntimeError(f"{self._path} of {target}: {body[-500:]}")
        connection.close()


@contextmanager
def blackbox(folder: Path, ca_file: Path) -> Iterator[Exporter]:
    """Modules ``tcp``, ``banner``, ``page``, ``tls`` and ``dns``."""
    address = {"preferred_ip_protocol": "ip4"}
    page = {**address, "fail_if_body_not_matches_regexp": [NEEDLE]}
    question = {**address, "query_name": NAME, "query_type": "A", "recursion_desired": True}
    answer = {"fail_if_none_matches_regexp": [RECORD.replace(".", "[.]")]}
    modules = {
        "tcp": {"prober": "tcp", "tcp": address},
        "banner": {"prober": "tcp", "tcp": {**address, "query_response": [{"expect": f"^{BANNER.decode().strip()}"}]}},
        "page": {"prober": "http", "http": page},
        "tls": {"prober": "http", "http": {**page, "fail_if_not_ssl": True, "tls_config": {"ca_file": str(ca_file)}}},
        "dns": {"prober": "dns", "dns": {**question, "validate_answer_rrs": answer}},
    }
    config = folder / "blackbox.yml"
    config.write_text(json.dumps({"modules": modules}))
    with _running("prometheus-blackbox-exporter", config) as (process, port):
        yield Exporter(process, port, "/probe", lambda body: "\nprobe_success 1\n" in body)


@contextmanager
def snmp(folder: Path) -> Iterator[Exporter]:
    """Module ``ten``: our ten counters."""
    names = {".".join(map(str, oid)): f"octets{place}" for place, oid in enumerate(COUNTERS, 1)}
    metrics = [{"name": name, "oid": oid.rpartition(".")[0], "type": "counter", "help": "x"} for oid, name in names.items()]
    for metric, oid in zip(metrics, names, strict=True):
        metric["oid"] = oid
    ten = {"get": list(names), "metrics": metrics, "version": 2, "auth": {"community": COMMUNITY}}
    config = folder / "snmp.yml"
    config.write_text(json.dumps({"ten": ten}))
    with _running("prometheus-snmp-exporter", config) as (process, port):
        yield Exporter(process, port, "/snmp", _counted)


def _counted(body: str) -> bool:
    found = dict(line.rsplit(" ", 1) for line in body.splitlines() if line.startswith("octets"))
    return [float(value) // STEP for _, value in sorted(found.items(), key=lambda item: int(item[0][6:].partition("{")[0]))] == [
        *range(1, len(COUNTERS) + 1)
    ]


@contextmanager
def _running(program: str, config: Path) -> Iterator[tuple[psutil.Process, int]]:
    port = free_port()
    argv = [program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with subprocess.Popen(argv) as process:
        try:
            _until_answers(program, port)
            yield psutil.Process(process.pid), port
        finally:
            process.terminate()


def _until_answers(program: str, port: int) -> None:
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s:
        with suppress(OSError):
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/metrics")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"{program} does not answer within {START_S:g} s")
