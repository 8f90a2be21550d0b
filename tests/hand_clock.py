"""Clocks that tests move."""

from dataclasses import dataclass, field

from store.clock import SystemClock


@dataclass
class HandClock:
    """Sleeping ends at once, and time has passed by as much. Set ``at_s`` alone, and the wall clock was set."""

    at_s: float = 1_750_000_000.0
    boot_s: float = 5_000.0
    slept: list[float] = field(default_factory=list)

    def now_s(self) -> float:
        return self.at_s

    def boottime_s(self) -> float:
        return self.boot_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds
        self.boot_s += seconds


class JumpingClock(SystemClock):
    """The machine's clock, except that a test can have the process stand still."""

    ahead_s = 0.0

    def boottime_s(self) -> float:
        return super().boottime_s() + self.ahead_s
