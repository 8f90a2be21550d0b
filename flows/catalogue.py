"""All our flows, by name: what the executor serves (``flows.serve.NAMES`` lists the same without importing Prefect)."""

from flows.first_line import first_line
from flows.hold import hold
from flows.incident_report import incident_report
from flows.pause import pause
from flows.run_runbook import run_runbook
from flows.runs import AnyFlow

FLOWS: dict[str, AnyFlow] = {flow.name: flow for flow in (first_line, run_runbook, incident_report, pause, hold)}
