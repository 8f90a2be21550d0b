"""From a folder of YAML files to procedures. One file is one runbook, named after the file; all mistakes of all files are told at
once, as ``file:line: path: what is wrong (got …), what would be right``."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType

from domain.mistake import Mistake, shown
from domain.procedure import Procedure
from runbooks.document import MAX_BYTES, Document, Entry
from runbooks.lint import Fault, faults
from runbooks.spec import ActionSpec
from runbooks.steps import ID, RIGHT_ID, Line, step

MAX_BUDGET_S = 3600.0
"""R22: the first line works for at most one hour."""
MAX_POWER_ACTIONS = 6
MAX_STEPS = 20
MAX_RUNBOOKS = 500
_SUFFIX = ".yaml"


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
    return read(actions, files)


def read(actions: Mapping[str, ActionSpec], files: Iterable[Traversable]) -> dict[str, Procedure]:
    """The runbooks in these files (Paths do), by their id. Raises ``RunbookError``."""
    procedures: dict[str, Procedure] = {}
    mistakes: list[Mistake] = []
    for file in files:
        document = Document(str(file))
        procedure = _read(file, document, actions)
        mistakes += document.mistakes
        if procedure is not None and procedure.id in procedures:
            mistakes.append(
                Mistake(str(file), 0, "", "is a second runbook of this name", "would be right: a name of its own", "same_name")
            )
        elif procedure is not None:
            procedures[procedure.id] = procedure
    if mistakes:
        raise RunbookError(tuple(sorted(set(mistakes))))
    return procedures


def _read(file: Traversable, document: Document, actions: Mapping[str, ActionSpec]) -> Procedure | None:
    """The procedure, complete only where ``document`` has collected no mistake."""
    name = file.name.removesuffix(_SUFFIX)
    if ID.fullmatch(name) is None:
        document.add(0, "id", f"the file's name is no id (got {shown(name)})", RIGHT_ID)
    try:
        if isinstance(file, Path) and file.exists() and not (file.is_file() or file.is_dir()):
            raise OSError(0, "no regular file")  # a pipe may never end
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        document.add(0, "unreadable", f"cannot be read ({error.strerror})", "a regular file that this user may read")
        return None
    root = document.parse(data)
    if root is None:
        return None
    top = document.mapping(root, required=("title", "budget_s", "steps"), optional=("max_power_actions",))
    title = _title(document, top["title"]) if "title" in top else {}
    budget_s = document.seconds(top["budget_s"], 1, MAX_BUDGET_S) if "budget_s" in top else None
    entries = document.items(top["steps"]) if "steps" in top else []
    if len(entries) > MAX_STEPS:
        document.add(entries[MAX_STEPS], "too_many", f"too many steps (got {len(entries)})", f"at most {MAX_STEPS}")
        return None
    power = document.whole(top["max_power_actions"], 0, MAX_POWER_ACTIONS) if "max_power_actions" in top else 0
    read = [step(document, entry, actions) for entry in entries]
    if not entries or None in read:
        return None
    lines = [line for lines in read if lines is not None for line in lines]
    steps = tuple(line.step for line in lines)
    # With a mistake in a time or a number, sums would only mislead.
    sure = not document.mistakes and budget_s is not None and power is not None
    meant = [line.meant for line in lines]
    for fault in faults(steps, meant, budget_s if sure and budget_s is not None else math.inf, power if sure else None):
        document.add(_place(fault, root, top, lines), fault.code, fault.wrong, fault.right)
    version = hashlib.sha256(data).hexdigest()
    return Procedure(name, version, MappingProxyType(title), budget_s or 0.0, steps, power or 0)


def _place(fault: Fault, root: Entry, top: Mapping[str, Entry], lines: Sequence[Line]) -> Entry:
    """Where the value stands that is wrong, or what it is missing from."""
    if fault.step is None:
        return top.get(fault.key, root)
    line = lines[fault.step]
    return line.places.get(fault.key, line.entry)


def _title(document: Document, entry: Entry) -> dict[str, str]:
    found = document.mapping(entry, required=("en", "ja"))
    texts = {language: document.text(below, 80) for language, below in found.items()}
    return {language: text for language, text in texts.items() if text is not None}
