"""What has a limit, measured: ``python -m bench``. Each ``bench_*.py`` here has ``figures()``, which yields ``Figure``s."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number, and what it may be at most, or ``at_least``; ``how`` says what was measured, in a few words."""

    name: str
    value: float
    limit: float
    unit: str
    how: str = ""
    at_least: bool = False

    @property
    def ratio(self) -> float:
        return self.value / self.limit

    @property
    def kept(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit
