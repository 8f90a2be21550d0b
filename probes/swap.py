"""``swap`` (C22): how much of the swap space is used; of Windows, of its virtual memory."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import up
from probes.memory import STORED, SYSTEM, stored_kib
from probes.mib import HR_STORAGE_VIRTUAL, MEM_AVAIL_SWAP, MEM_TOTAL_SWAP
from probes.option import Option
from probes.reading import Item, Judged, Reading, Terms, Values
from probes.spec import Spec
from probes.threshold import judged, number


def _wants(options: Mapping[str, Any]) -> tuple[Item, ...]:
    return STORED if options["system"] == "windows" else (MEM_TOTAL_SWAP, MEM_AVAIL_SWAP)


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    if terms.options["system"] == "windows":
        used_kib, total_kib = stored_kib(values, HR_STORAGE_VIRTUAL)
    else:
        total_kib = values.number(MEM_TOTAL_SWAP)
        used_kib = max(0, total_kib - values.number(MEM_AVAIL_SWAP))
    if total_kib <= 0:
        return up("has no swap space", 0), None
    detail = f"{used_kib / 2**20:.1f} of {total_kib / 2**20:.1f} GiB"
    return judged(terms, round(used_kib / total_kib * 100, 1), "%", detail), None


SWAP = Spec(
    name="swap",
    source="C22",
    doc="No more of the swap space is used than the threshold; a host that has none is up",
    way=Reading(_wants, _judge),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={"threshold": Option("percent, 90 to 100; 90 by default", number(90, 100, "%"), 90), "system": SYSTEM},
    unit="%",
)
