"""fping: pings without a pause, or one after each interval."""

import re
import resource
import subprocess
import time
from collections.abc import Sequence

from bench.cost import Cost


def burst(addresses: Sequence[str]) -> Cost:
    """``-i0``, one echo to each: what it says of each is read."""
    return _fping(["fping", "-i0", "-r0", "-t1000"], addresses, r" is alive", 1)


def paced(addresses: Sequence[str], count: int, rate_s: float) -> Cost:
    """So many echoes to each, at the interval that makes this rate."""
    pace = [f"-i{1000 / rate_s:g}", f"-p{1000 * len(addresses) / rate_s:g}"]
    return _fping(["fping", "-q", *pace, f"-c{count}", "-t1000"], addresses, rf" = {count}/{count}/0%", count)


def _fping(argv: Sequence[str], addresses: Sequence[str], right: str, count: int) -> Cost:
    before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(argv, input="\n".join(addresses), capture_output=True, text=True, check=False)
    after, took_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun_s
    answered = len(re.findall(right, done.stdout + done.stderr))
    if answered != len(addresses):
        raise RuntimeError(f"fping: {answered} of {len(addresses)} answered")
    return Cost(len(addresses) * count, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, took_s)
