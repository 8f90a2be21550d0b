"""What the outside fills in."""

from typing import Protocol


class Clock(Protocol):
    """The two clocks. Everything that needs the time is handed one."""

    def now_s(self) -> float:
        """UTC as epoch seconds: may step when the machine's clock is corrected."""
        ...

    def boottime_s(self) -> float:
        """CLOCK_BOOTTIME: never steps and counts suspend; comparable between processes of one boot only."""
        ...

    def sleep(self, seconds: float) -> None: ...
