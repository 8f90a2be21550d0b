"""From a folder of files to one mapping of sections. Any file may hold any section; every id stands in one of them."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import runbooks
from domain.procedure import Procedure
from inventory import keys
from inventory.fields import Fields, empty
from inventory.mistakes import Code, Place, Report
from inventory.tree import Map, Node, parse
from runbooks import RunbookError
from runbooks.spec import ActionSpec

SUFFIXES = (".yaml", ".yml")
RUNBOOKS = "runbooks"
"""The folder of the inventory's own runbooks."""
MAX_FILES = 1000
MAX_FILE_BYTES = 1_048_576
NAMED = frozenset({"profiles", "customers", "operators", "groups", "hosts", "pauses"})
"""Sections of ids: these may go on in another file; the others stand in one."""


def read(folder: Path, report: Report) -> Map:
    """The sections of all ``.yaml`` and ``.yml`` files in the folder and below; hidden ones are left out."""
    place = Place(str(folder), 0)
    closed: list[OSError] = []
    files = [file for file in yaml_files(folder, closed.append) if not _of_runbooks(folder, file)]
    for error in closed:
        code = Code.NO_FOLDER if error.errno in {errno.ENOENT, errno.ENOTDIR} else Code.UNREADABLE
        report.add(Place(str(error.filename), 0), code, got=_said(error))
    report.blind |= bool(closed)
    if not files and not closed:
        report.add(place, Code.NO_FILES)
    elif len(files) > MAX_FILES:
        report.add(place, Code.TOO_MANY_FILES, got=len(files), high=MAX_FILES)
        files = []
    roots = [root for file in files if (root := _parsed(file, report)) is not None]
    report.blind |= not roots  # one mistake is told of an empty folder, and not that every section is missing
    return join(roots, place, report)


def own_runbooks(folder: Path, actions: Mapping[str, ActionSpec], report: Report) -> dict[str, Procedure]:
    """The runbooks in the inventory's folder ``runbooks``; one with the id of a shipped one takes its place."""
    files = [file for file in yaml_files(folder, lambda _error: None) if _of_runbooks(folder, file)]
    read_here = [file for file in files if file.parent == folder / RUNBOOKS and file.suffix == SUFFIXES[0]]
    for file in files:
        if file not in read_here:
            report.add(Place(str(file), 0), Code.RUNBOOK_PLACE)
    try:
        return runbooks.read(actions, read_here)
    except RunbookError as error:
        report.take(error.mistakes)
        return {file.stem: Procedure(file.stem, "", {}, 0.0, ()) for file in read_here}  # stand-ins: what names them is not wrong


def _of_runbooks(folder: Path, file: Path) -> bool:
    return file.relative_to(folder).parts[:-1][:1] == (RUNBOOKS,)


def join(roots: list[Map], place: Place, report: Report) -> Map:
    """One mapping of sections, from those of each file."""
    sections: dict[str, Node] = {}
    where: dict[str, Place] = {}
    headings: dict[str, Place] = {}
    for root in roots:
        Fields(root, keys.SECTIONS, report)
        for name, node in root.entries.items():
            if name not in keys.SECTIONS or empty(node) or (isinstance(node, Map) and not node.entries):
                # an unknown one was told just now; a heading whose entries are commented out says nothing
                headings.setdefault(name, root.keys[name])
                continue
            before = sections.get(name)
            if before is None:
                sections[name], where[name] = node, root.keys[name]
            elif name in NAMED and isinstance(before, Map) and isinstance(node, Map):
                sections[name] = _joined(before, node, report)
            else:
                report.add(root.keys[name], Code.DUPLICATE, first=_at(where[name]))
    return Map(place, sections, headings | where)


def _joined(before: Map, after: Map, report: Report) -> Map:
    for key in before.entries.keys() & after.entries.keys():
        report.add(after.keys[key], Code.DUPLICATE, first=_at(before.keys[key]))
    return Map(before.place, after.entries | before.entries, after.keys | before.keys)


def _at(place: Place) -> str:
    return f"{place.file}:{place.line}"


def yaml_files(folder: Path, closed: Callable[[OSError], object]) -> list[Path]:
    """Every file that belongs to the inventory, in the order in which they are read. ``closed`` is told of each folder that can't
    be listed: what stands in it is not known, which is not the same as nothing."""
    found: list[Path] = []
    for above, folders, files in os.walk(folder, onerror=closed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(above, name) for name in (*folders, *files) if not name.startswith(".") and name.endswith(SUFFIXES)]
    return sorted(found)


def _said(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _parsed(file: Path, report: Report) -> Map | None:
    text = _text(file, report)
    if text is None:
        report.blind = True
        return None
    return parse(text, str(file), report)


def _text(file: Path, report: Report) -> str | None:
    place = Place(str(file), 0)
    try:
        if not file.is_file():  # a pipe would keep us waiting
            report.add(place, Code.UNREADABLE, got="not a regular file")
            return None
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        report.add(place, Code.UNREADABLE, got=_said(error))
        return None
    if len(content) > MAX_FILE_BYTES:
        report.add(place, Code.TOO_BIG, got=f"more than {MAX_FILE_BYTES}", high=MAX_FILE_BYTES)
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        report.add(Place(str(file), line), Code.NOT_UTF8, got=f"0x{content[error.start]:02x}")
        return None
