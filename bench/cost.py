"""What looks cost: CPU time, user and system, of everything that takes part in them on the side of whoever looks."""

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

import psutil


class Cost(NamedTuple):
    """Of so many looks, each of which has seen what is right."""

    looks: int
    cpu_s: float
    took_s: float

    @property
    def per_cpu_s(self) -> float:
        """Looks per CPU-second."""
        return self.looks / self.cpu_s

    @property
    def rate_s(self) -> float:
        """Looks per second."""
        return self.looks / self.took_s


def median_of(times: int, run: Callable[[], Cost]) -> Cost:
    """By what a look costs."""
    costs = sorted((run() for _ in range(times)), key=lambda cost: cost.per_cpu_s)
    middle = median([cost.per_cpu_s for cost in costs])
    return min(costs, key=lambda cost: abs(cost.per_cpu_s - middle))


def tree_cpu_s(root: psutil.Process) -> float:
    """Of the process and all it has started, those included that have ended and were waited for."""
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return float(sum(one.user + one.system + one.children_user + one.children_system for one in times))
