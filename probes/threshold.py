"""Values and what they may pass: one threshold of the check's own level, or levels (C16-C25, C38)."""

from collections.abc import Callable, Mapping
from math import isfinite

from domain.model import Level
from domain.observation import Limit, Observation, down, up
from probes.option import Option, boolean
from probes.reading import Terms

THRESHOLD, LEVELS, REACHED = "threshold", "levels", "reached"
_OF_LEVELS = {str(level.value): level for level in (Level.WARNING, Level.MINOR, Level.SERVICE_DOWN)}


def number(low: float, high: float | None, unit: str = "") -> Callable[[object], float]:
    """A number from ``low``, up to ``high`` where there is one; whole ones come back as such."""
    right = _range(low, high, unit)

    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise ValueError(right)
        if value < low or (high is not None and value > high):
            raise ValueError(right)
        return int(value) if value == int(value) else value

    return parse


def levels(low: float, high: float | None, unit: str = "") -> Callable[[object], dict[str, float]]:
    """From level to the value that means it, a higher level at a higher value; keys are text, as JSON has them."""
    one = number(low, high, unit)
    right = f"levels as {{2: A, 3: B, 4: C}}, or some of these; each {_range(low, high, unit)}, and higher than the one before"

    def parse(value: object) -> dict[str, float]:
        said = {str(level): step for level, step in value.items()} if isinstance(value, Mapping) else {}
        if not said or not said.keys() <= _OF_LEVELS.keys():
            raise ValueError(right)
        try:
            found = {level: one(said[level]) for level in sorted(said)}
        except ValueError as error:
            raise ValueError(right) from error
        steps = list(found.values())
        if sorted(set(steps)) != steps:
            raise ValueError(right)
        return found

    return parse


def _range(low: float, high: float | None, unit: str) -> str:
    return f"a number from {low:g}" + (f" to {high:g}" if high is not None else " up") + (f" {unit}" if unit else "")


def judged(terms: Terms, value: float, unit: str, detail: str, *, scale: float = 1.0, reached: bool | None = None) -> Observation:
    """Of the thresholds that a value has passed, the highest level's. It passes one when it is over it, or, where ``reached``, when
    it is as high; levels and threshold are meant ``scale`` times."""
    at_least = terms.options.get(REACHED, False) if reached is None else reached
    said: Mapping[str, float] | None = terms.options.get(LEVELS)
    steps = {terms.level: terms.options[THRESHOLD]} if said is None else {_OF_LEVELS[key]: step for key, step in said.items()}
    passed = {level: step * scale for level, step in steps.items() if value > step * scale or (at_least and value == step * scale)}
    if not passed:
        return up(detail, value)
    level = max(passed)
    return down(detail, value, Limit(level, "≥" if at_least else ">", passed[level], unit))


USAGE_LEVELS: Mapping[str, Option] = {
    LEVELS: Option(
        "instead: over which percentage a level is meant; {2: 80, 3: 90, 4: 95} by default in the profile rapid",
        levels(1, 100, "%"),
    ),
    REACHED: Option(
        "whether a value that only reaches a threshold has passed it; false by default, true in the profile basic", boolean, False
    ),
}
"""Of a partition, beside its threshold (C20, C21)."""
USAGE_BY_PROFILE: Mapping[str, Mapping[str, object]] = {
    "rapid": {LEVELS: {"2": 80, "3": 90, "4": 95}},
    "basic": {THRESHOLD: 90, REACHED: True},
}
