"""A runbook's steps in words, and as JSON: all that its file says of them."""

import shlex
from collections.abc import Iterator
from typing import Any

from domain.procedure import Parameter, Step
from engine.run_requests import only_when

COLUMNS = ("step", "action", "parameters", "at most", "only when", "on failure")


def plain(step: Step) -> dict[str, Any]:
    """As JSON; of ``attempts`` every ``every_s``."""
    return {
        "id": step.id,
        "action": step.action,
        "parameters": dict(step.parameters),
        "timeout_s": step.timeout_s,
        "until_s": step.until_s,
        "every_s": step.every_s,
        "when": {name: list(wanted) for name, wanted in step.when.items()},
        "on_failure": step.on_failure,
        "attempts": step.attempts,
        "reach_s": step.reach_s,
        "effect": str(step.effect),
    }


def row(step: Step) -> list[str]:
    """For a table of ``COLUMNS``."""
    parameters = "; ".join(f"{name}: {_said(value)}" for name, value in step.parameters.items())
    on_failure = step.on_failure if step.acts else "-"
    return [step.id, step.action, parameters or "-", ", ".join(_bounds(step)), only_when(step) or "-", on_failure]


def _said(value: Parameter) -> str:
    if isinstance(value, tuple):
        return shlex.join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bounds(step: Step) -> Iterator[str]:
    yield f"{step.timeout_s:g} s"
    if step.until_s:
        yield f"every {step.every_s:g} s for {step.until_s:g} s"
    if step.attempts > 1:
        yield f"{step.attempts} times, every {step.every_s:g} s"
    if step.reach_s:
        yield f"reached within {step.reach_s:g} s"
