"""The machine's clocks: the one file that may read them (ruff TID251 keeps it so)."""

import time


class SystemClock:
    """A ``domain.ports.Clock`` that tells this machine's time."""

    def now_s(self) -> float:
        return time.time()

    def boottime_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
