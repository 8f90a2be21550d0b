"""What was just seen, as it is written down at once: 29 bytes a look, of all series in the order of arrival. Without numpy, which
the watcher has no other use for."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from domain.observation import Verdict

VERDICTS = (Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN)
"""By the number that is stored for each."""

ROW = [("series", "<u4"), ("at_s", "<u8"), ("verdict", "u1"), ("value", "<f8"), ("latency_ms", "<f8")]
"""As numpy reads it; NaN stands for a number that is not there."""
_ROW = struct.Struct("<IQBdd")
_CODES = {verdict: code for code, verdict in enumerate(VERDICTS)}
_LATEST_S = 2**32
_NAN = float("nan")


class Watched(NamedTuple):
    """Whose samples: a check that comes to another customer begins anew."""

    check: str
    customer: str


class Look(NamedTuple):
    """One look: what it saw itself, confirmed or not. UNKNOWN has no numbers."""

    of: Watched
    at_s: int
    verdict: Verdict
    value: float | None = None
    latency_ms: float | None = None


def packed(looks: Iterable[tuple[int, Look]]) -> bytes:
    """Each with the number of its series. A time that a wrong clock said is kept as the nearest that can be."""
    return b"".join(
        [
            _ROW.pack(
                series,
                min(max(look.at_s, 0), _LATEST_S),
                _CODES[look.verdict],
                _NAN if look.value is None else look.value,
                _NAN if look.latency_ms is None else look.latency_ms,
            )
            for series, look in looks
        ]
    )
