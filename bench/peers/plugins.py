"""The monitoring plugins: a process a look, as Nagios and its like start them."""

import resource
import subprocess
import time
from collections.abc import Sequence

from bench.cost import Cost

FOLDER = "/usr/lib/nagios/plugins"


def run(plugin: str, addresses: Sequence[str], *options: str) -> Cost:
    """One look at each address; status 0 is what is right."""
    before, begun_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for address in addresses:
        argv = [f"{FOLDER}/{plugin}", "-H", address, *options]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{plugin}: {done.stdout or done.stderr}")
    after, took_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - begun_s
    return Cost(len(addresses), after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, took_s)
