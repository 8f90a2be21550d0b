"""One entry of ``steps``: the step itself, and the look that its ``verify`` stands for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from domain.mistake import shown
from domain.procedure import ANNOUNCE, CONTINUE, FAILURES, FAULT, LOOK, STOP, Effect, Parameter, Step, StepOutcome
from runbooks import keys
from runbooks.document import Document, Entry
from runbooks.lint import parameter_fault
from runbooks.spec import ActionSpec, ParameterSpec

MAX_STEP_S = 900.0
MAX_ATTEMPTS = 5
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
RIGHT_ID = "1 to 63 of a-z, 0-9 and -, starting with a letter or digit"
VERIFY_AFTER = tuple(sorted({str(StepOutcome.DONE), *map(str, FAILURES)}))
"""Ends of a step that its ``verify`` follows: all with which the run goes on."""
_RESERVED = frozenset({FAULT, CONTINUE, STOP})


@dataclass(frozen=True, slots=True)
class Line:
    """A step, the entry it stands in, and where its keys stand. ``meant``: the step with what it leaves out written out, and
    with the time that its action waits first among its own."""

    step: Step
    meant: Step
    entry: Entry
    places: Mapping[str, Entry]


def step(document: Document, entry: Entry, actions: Mapping[str, ActionSpec]) -> list[Line] | None:
    """The step, with the look of its ``verify`` behind it; ``None`` where its id or action is not to be known."""
    found = document.mapping(entry, required=("id", "action"), optional=[key for key in keys.STEP if key not in {"id", "action"}])
    if "id" not in found or "action" not in found:
        return None
    step_id = _id(document, found["id"])
    action = document.word(found["action"], (LOOK, ANNOUNCE, *actions), "action")
    if step_id is None or action is None:
        return None
    spec = actions.get(action)
    if spec is not None and not spec.rehearsals:
        document.add(found["action"], "no_rehearsal", f"no throwaway host can rehearse {action}", "an action that can be rehearsed")
    effect = spec.effect if spec is not None else Effect.NONE
    plain = Step(step_id, action, effect=effect)
    retry = _retry(document, found, plain, spec)
    specs = spec.parameters if spec is not None else {}
    parameters = _parameters(document, found.get("parameters"), entry, action, specs)
    read = Step(
        step_id,
        action,
        MappingProxyType(parameters),
        _seconds(document, found, "timeout_s", 1, plain.timeout_s),
        _seconds(document, found, "until_s", 0, plain.until_s),
        retry[1] if retry is not None else _seconds(document, found, "every_s", 1, plain.every_s),
        effect,
        MappingProxyType(_when(document, found)),
        (document.text(found["on_failure"], 63) or CONTINUE) if "on_failure" in found else CONTINUE,
        retry[0] if retry is not None else plain.attempts,
        _seconds(document, found, "reach_s", 0, plain.reach_s),
        any(item.service and name not in parameters for name, item in specs.items()),
    )
    _refuse_misplaced(document, found, plain)
    lines = [Line(read, _meant(read, specs), entry, found)]
    return [*lines, *_verify(document, found, entry, read)]


def _id(document: Document, entry: Entry) -> str | None:
    written = document.text(entry, 63)
    if written is None:
        return None
    if ID.fullmatch(written) is None:
        document.add(entry, "id", f"is no id (got {shown(written)})", RIGHT_ID)
        return None
    if written in _RESERVED:
        document.add(entry, "id", f"is a word of runbooks (got {shown(written)})", "another id")
        return None
    return written


def _seconds(document: Document, found: Mapping[str, Entry], key: str, low_s: float, default_s: float) -> float:
    value = document.seconds(found[key], low_s, MAX_STEP_S) if key in found else None
    return default_s if value is None else value


def _refuse_misplaced(document: Document, found: Mapping[str, Entry], plain: Step) -> None:
    """Keys that say nothing of this kind of step, and repetitions without an end."""
    for key in ("until_s", "every_s"):
        if key in found and plain.action != LOOK:
            document.add(found[key], "repeats", "only a look is repeated", f"no {key} here")
    if "every_s" in found and "until_s" not in found:
        document.add(found["every_s"], "endless", "repeats without an end", "until_s as well")
    for key in ("on_failure", "reach_s"):
        if key in found and not plain.acts:
            document.add(found[key], "misplaced", f"{plain.action} does nothing to the host", f"no {key} here")
    if "verify" in found and not plain.changes:
        document.add(found["verify"], "misplaced", f"{plain.action} changes nothing that could be verified", "no verify here")


def _retry(document: Document, found: Mapping[str, Entry], plain: Step, spec: ActionSpec | None) -> tuple[int, float] | None:
    """Attempts, and the seconds between two."""
    if "retry" not in found:
        return None
    if spec is None or not spec.repeatable or plain.effect is Effect.POWER:
        document.add(found["retry"], "repeats_action", f"{plain.action} is not safe to repeat (R26)", "no retry here")
        return None
    below = document.mapping(found["retry"], required=tuple(keys.RETRY))
    attempts = document.whole(below["attempts"], 2, MAX_ATTEMPTS) if "attempts" in below else None
    return attempts or 1, _seconds(document, below, "every_s", 1, plain.every_s)


def _verify(document: Document, found: Mapping[str, Entry], entry: Entry, of: Step) -> list[Line]:
    if "verify" not in found:
        return []
    below = document.mapping(found["verify"], required=("within_s",), optional=("every_s",))
    look = Step(
        f"{of.id}-verify",
        LOOK,
        until_s=_seconds(document, below, "within_s", 1, 1.0),
        every_s=_seconds(document, below, "every_s", 1, of.every_s),
        effect=Effect.NONE,
        when=MappingProxyType({of.id: VERIFY_AFTER}),
    )
    return [Line(look, look, entry, {})]


def _meant(step: Step, specs: Mapping[str, ParameterSpec]) -> Step:
    said = {**{name: spec.default for name, spec in specs.items() if spec.default is not None}, **step.parameters}
    waits = [said.pop(name) for name, spec in specs.items() if spec.waits and name in said]
    waits_s = sum(value for value in waits if isinstance(value, int | float))
    return replace(step, parameters=MappingProxyType(said), timeout_s=step.timeout_s + waits_s)


def _when(document: Document, found: Mapping[str, Entry]) -> dict[str, tuple[str, ...]]:
    below = document.free_mapping(found["when"]) if "when" in found else {}
    return {name: document.words(entry) for name, entry in below.items()}


def _parameters(
    document: Document, given: Entry | None, place: Entry, action: str, specs: Mapping[str, ParameterSpec]
) -> dict[str, Parameter]:
    """The typed parameters of a step: known ones only, the required ones there, each free of templates and shell."""
    found = document.free_mapping(given) if given is not None else {}
    values: dict[str, Parameter] = {}
    for name, entry in found.items():
        if name not in specs:
            document.add_unknown(entry, "unknown_parameter", f"{action} takes no such parameter", name, specs)
        elif (written := document.value(entry)) is not None:
            values |= _parameter(document, entry, name, written, specs[name])
    for name, spec in specs.items():
        if spec.required and name not in found:
            document.add(given or place, "missing", f"parameter {name} is missing", f"{name}: {spec.doc}")
    return values


def _parameter(document: Document, entry: Entry, name: str, written: Parameter, spec: ParameterSpec) -> dict[str, Parameter]:
    fault = parameter_fault(written)
    if fault is not None:
        document.add(entry, fault.code, fault.wrong, fault.right)
        return {}
    try:
        return {name: spec.parse(written)}
    except ValueError as error:
        got = shown(" ".join(written) if isinstance(written, tuple) else written)
        document.add(entry, "parameter", f"does not fit (got {got})", str(error))
        return {}
