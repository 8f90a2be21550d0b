"""From a folder of YAML files to procedures. One file is one runbook, named after the file; all mistakes of all files are told at
once, as ``file:line: path: what is wrong (got …), what would be right``."""

import hashlib
import math
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from domain.mistake import Mistake, shown
from domain.procedure import ANNOUNCE, LOOK, Effect, Parameter, Procedure, Step
from runbooks.document import MAX_BYTES, Document, Entry
from runbooks.lint import faults, parameter_fault
from runbooks.spec import ActionSpec, ParameterSpec

MAX_BUDGET_S = 3600.0
"""R22: the first line works for at most one hour."""
MAX_STEP_S = 900.0
MAX_STEPS = 20
MAX_RUNBOOKS = 500
_SUFFIX = ".yaml"
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_RIGHT_ID = "1 to 63 of a-z, 0-9 and -, starting with a letter or digit"
_STEP_KEYS = ("parameters", "timeout_s", "until_s", "every_s")


class RunbookError(Exception):
    """The runbooks are refused. ``mistakes`` are all of them, sorted by place."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes


def load(actions: Mapping[str, ActionSpec], folder: Traversable | None = None) -> dict[str, Procedure]:
    """The runbooks of ``folder`` (a Path does), by default those shipped with the product, by their id: the file's name without
    ``.yaml``. Raises ``RunbookError``. Other files in the folder are left alone; a procedure's version is its file's SHA-256."""
    folder = resources.files("runbooks") if folder is None else folder
    if not folder.is_dir():
        raise RunbookError((Mistake(str(folder), 0, "", "is no folder", "would be right: a folder of .yaml files", "no_folder"),))
    files = sorted((item for item in folder.iterdir() if item.name.endswith(_SUFFIX)), key=lambda item: item.name)
    if len(files) > MAX_RUNBOOKS:
        wrong = f"holds too many runbooks (got {len(files)})"
        raise RunbookError((Mistake(str(folder), 0, "", wrong, f"would be right: at most {MAX_RUNBOOKS}", "too_many"),))
    procedures: dict[str, Procedure] = {}
    mistakes: list[Mistake] = []
    for file in files:
        document = Document(str(file))
        procedure = _read(file, document, actions)
        mistakes += document.mistakes
        if procedure is not None:
            procedures[procedure.id] = procedure
    if mistakes:
        raise RunbookError(tuple(sorted(set(mistakes))))
    return procedures


def _read(file: Traversable, document: Document, actions: Mapping[str, ActionSpec]) -> Procedure | None:
    """The procedure, complete only where ``document`` has collected no mistake."""
    name = file.name.removesuffix(_SUFFIX)
    if _ID.fullmatch(name) is None:
        document.add(0, "id", f"the file's name is no id (got {shown(name)})", _RIGHT_ID)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        document.add(0, "unreadable", f"cannot be read ({error.strerror})", "a regular file that this user may read")
        return None
    root = document.parse(data)
    if root is None:
        return None
    top = document.mapping(root, required=("title", "budget_s", "steps"))
    title = _title(document, top["title"]) if "title" in top else {}
    budget_s = document.seconds(top["budget_s"], 1, MAX_BUDGET_S) if "budget_s" in top else None
    entries = document.items(top["steps"]) if "steps" in top else []
    if len(entries) > MAX_STEPS:
        document.add(entries[MAX_STEPS], "too_many", f"too many steps (got {len(entries)})", f"at most {MAX_STEPS}")
        return None
    steps = [_step(document, entry, actions) for entry in entries]
    whole = [step for step in steps if step is not None]
    if not entries or len(whole) < len(entries):
        return None
    # With a mistake in a time, sums of times would only mislead.
    for fault in faults(whole, math.inf if document.mistakes or budget_s is None else budget_s):
        place = top["budget_s"] if fault.code == "budget" else top["steps"] if fault.step is None else entries[fault.step]
        document.add(place, fault.code, fault.wrong, fault.right)
    return Procedure(name, hashlib.sha256(data).hexdigest(), MappingProxyType(title), budget_s or 0.0, tuple(whole))


def _title(document: Document, entry: Entry) -> dict[str, str]:
    found = document.mapping(entry, required=("en", "ja"))
    texts = {language: document.text(below, 80) for language, below in found.items()}
    return {language: text for language, text in texts.items() if text is not None}


def _step(document: Document, entry: Entry, actions: Mapping[str, ActionSpec]) -> Step | None:
    """The step; ``None`` where its id or action is not to be known."""
    found = document.mapping(entry, required=("id", "action"), optional=_STEP_KEYS)
    if "id" not in found or "action" not in found:
        return None
    step_id = document.text(found["id"], 63)
    if step_id is not None and _ID.fullmatch(step_id) is None:
        document.add(found["id"], "id", f"is no id (got {shown(step_id)})", _RIGHT_ID)
        step_id = None
    action = document.word(found["action"], (LOOK, ANNOUNCE, *actions), "action")
    if step_id is None or action is None:
        return None
    specs: Mapping[str, ParameterSpec] = actions[action].parameters if action in actions else {}
    plain = Step(step_id, action)
    parameters = _parameters(document, found.get("parameters"), entry, action, specs)
    timeout_s = document.seconds(found["timeout_s"], 1, MAX_STEP_S) if "timeout_s" in found else plain.timeout_s
    until_s, every_s = _repetition(document, found, plain)
    if timeout_s is None or until_s is None or every_s is None:
        return plain
    effect = actions[action].effect if action in actions else Effect.NONE
    return Step(step_id, action, MappingProxyType(parameters), timeout_s, until_s, every_s, effect)


def _repetition(document: Document, found: Mapping[str, Entry], plain: Step) -> tuple[float | None, float | None]:
    """``until_s`` and ``every_s``: of looks only, and never without an end."""
    for key in ("until_s", "every_s"):
        if key in found and plain.action != LOOK:
            document.add(found[key], "repeats", "only a look is repeated", f"no {key} here")
    if "every_s" in found and "until_s" not in found:
        document.add(found["every_s"], "endless", "repeats without an end", "until_s as well")
    until_s = document.seconds(found["until_s"], 0, MAX_STEP_S) if "until_s" in found else plain.until_s
    every_s = document.seconds(found["every_s"], 1, MAX_STEP_S) if "every_s" in found else plain.every_s
    return until_s, every_s


def _parameters(
    document: Document, given: Entry | None, step: Entry, action: str, specs: Mapping[str, ParameterSpec]
) -> dict[str, Parameter]:
    """The typed parameters of a step: known ones only, the required ones there, each free of templates and shell."""
    found = document.free_mapping(given) if given is not None else {}
    values: dict[str, Parameter] = {}
    for name, entry in found.items():
        if name not in specs:
            document.add_unknown(entry, "unknown_parameter", f"{action} takes no such parameter", name, specs)
        elif (written := document.scalar(entry)) is not None:
            values |= _parameter(document, entry, name, written, specs[name])
    for name, spec in specs.items():
        if spec.required and name not in found:
            place = given or step
            document.add(place, "missing", f"parameter {name} is missing", f"{name}: {spec.doc}")
    return values


def _parameter(document: Document, entry: Entry, name: str, written: Parameter, spec: ParameterSpec) -> dict[str, Parameter]:
    fault = parameter_fault(written)
    if fault is not None:
        document.add(entry, fault.code, f"{fault.wrong} (got {shown(written)})", fault.right)
        return {}
    try:
        return {name: spec.parse(written)}
    except ValueError as error:
        document.add(entry, "parameter", f"does not fit (got {shown(written)})", str(error))
        return {}
