"""Looks for the tests of samples, and a clock's days."""

from collections.abc import Sequence

import numpy as np

from domain.observation import Verdict
from store.looks import VERDICTS, Look, Watched
from store.samples import Samples
from store.series import Series

MIDNIGHT_S = 1_800_057_600
"""UTC; a 15th of January."""
TODAY = MIDNIGHT_S // 86_400
DAY_S = 86_400
PING = Watched("web01/ping", "acme")
LOAD = Watched("web01/load", "acme")


def looks(of: Watched, first_s: int, count: int, step_s: int = 300, seed: int = 1) -> list[Look]:
    """So many, with all that can be: numbers, none, down, unknown."""
    random = np.random.default_rng(seed)
    made = []
    for number in range(count):
        at_s = first_s + number * step_s
        if number % 10 == 7:
            made.append(Look(of, at_s, Verdict.UNKNOWN))
        elif number % 10 == 8:
            made.append(Look(of, at_s, Verdict.DOWN))
        else:
            value = float(np.round(random.normal(20, 5), 1)) if of is LOAD else None
            made.append(Look(of, at_s, Verdict.UP, value, float(f"{random.lognormal(2):.3g}")))
    return made


def append(samples: Samples, made: Sequence[Look], at_once: int = 7, today: int = TODAY) -> None:
    for begin in range(0, len(made), at_once):
        samples.append(made[begin : begin + at_once], today)


def rows(found: Series) -> list[tuple[int, Verdict, float | None, float | None]]:
    return [
        (int(at_s), VERDICTS[verdict], None if np.isnan(value) else float(value), None if np.isnan(latency) else float(latency))
        for at_s, verdict, value, latency in zip(*found.columns(), strict=True)
    ]


def meant(made: Sequence[Look], of: Watched) -> list[tuple[int, Verdict, float | None, float | None]]:
    """What ``rows`` should give: those of one series, in the order of their times."""
    mine = sorted((look for look in made if look.of == of), key=lambda look: look.at_s)
    return [(look.at_s, look.verdict, look.value, look.latency_ms) for look in mine]
