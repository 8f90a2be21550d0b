"""A clock that tests move."""

from dataclasses import dataclass, field


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
