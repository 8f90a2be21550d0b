"""Python libraries: httpx, and pysnmp in a process and an environment of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.cost import Cost
from bench.tiny import NEEDLE

PYSNMP = Path(sys.prefix) / "bench"
"""Where ``scripts/setup bench`` puts it, as nothing else here needs it."""


def pages(urls: Sequence[str]) -> Cost:
    """One after the other with httpx, as a client kept for all of them does that."""
    begun_cpu_s, begun_s = time.process_time(), time.monotonic()
    with httpx.Client(timeout=10, limits=httpx.Limits(max_keepalive_connections=0)) as client:
        for url in urls:
            answer = client.get(url)
            if answer.status_code != 200 or NEEDLE not in answer.text:
                raise RuntimeError(f"httpx: {url}: {answer.status_code}")
    return Cost(len(urls), time.process_time() - begun_cpu_s, time.monotonic() - begun_s)


def gets_of_ten(addresses: Sequence[str], port: int) -> Cost:
    """With pysnmp."""
    argv = [sys.executable, "-m", "bench.peers.pysnmp_ten", str(PYSNMP), str(port), *addresses]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"pysnmp: {done.stderr[-500:]}")
    return Cost(*json.loads(done.stdout))
