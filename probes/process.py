"""``process`` (C19): at least one process of a name runs, by hrSWRunTable (RFC 2790)."""

from collections.abc import Mapping
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import down, up
from probes import option
from probes.mib import HR_RUN_NAME, HR_RUN_STATUS, MAX_PROCESSES
from probes.option import Option
from probes.reading import Item, Judged, Reading, Terms, Values
from probes.spec import Spec

_INVALID = 4
"""hrSWRunStatus of what is dead and not yet buried: a zombie."""


def _wants(_options: Mapping[str, Any]) -> tuple[Item, ...]:
    return HR_RUN_NAME, HR_RUN_STATUS


def _judge(terms: Terms, _memory: Any, values: Values, _now_s: float) -> Judged:
    name: str = terms.options["process"]
    named = [row for row, said in values.texts(HR_RUN_NAME).items() if said == name]
    status = values.numbers(HR_RUN_STATUS)
    running = sum(status.get(row) != _INVALID for row in named)
    if running:
        return up(f"{name}: {running} running", running), None
    if not values.rows(HR_RUN_NAME).whole:
        return down(f"{name} is not among the first {MAX_PROCESSES} processes, and there are more", 0), None
    return down(f"no process {name} runs" + (f", only {len(named)} of it that ended" if named else ""), 0), None


PROCESS = Spec(
    name="process",
    source="C19",
    doc="At least one process of this name runs",
    way=Reading(_wants, _judge),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.RESOURCE,  # R4: where only the agent is silent, nothing is restarted
    options={
        "process": Option(
            "its name as ps -e or the Task Manager shows it, such as nginx or sqlservr.exe", option.text(128), required=True
        ),
    },
    at_once=True,
)
