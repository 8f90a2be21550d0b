"""`hikeshi --help` answers at once: no Prefect, no store, no crypto is imported for it."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench import Figure

RUNS = 11


def figures() -> Iterator[Figure]:
    """The median over runs of a new process each; the first run, which may compile, isn't counted."""
    hikeshi = Path(sys.executable).with_name("hikeshi")
    took_s = []
    for _ in range(RUNS + 1):
        started_s = time.perf_counter()
        subprocess.run([hikeshi, "--help"], stdout=subprocess.DEVNULL, check=True)
        took_s.append(time.perf_counter() - started_s)
    yield Figure("hikeshi --help", statistics.median(took_s[1:]), 0.3, "s", f"median of {RUNS} processes")
