"""What is rehearsed: a runbook, as the user's inventory or the project has it, and the fault that it has to cope with."""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import runbooks
from domain.procedure import Procedure
from engine import trusting
from engine.context import open_context
from remediation import ACTIONS
from runbooks.approvals import shipped
from store.db import StoreError

SERVICE_FAULT, POWER_FAULT = "service-killed", "hang"
"""For a runbook of one's own: what a restart of the service cures proves nothing of one that may switch the power."""
NONE_ACCEPTED = (
    "those of your own are taken from the accepted inventory, and none was accepted yet: start `hikeshi up` with it once"
)


@dataclass(frozen=True, slots=True)
class Part:
    """What is rehearsed: the procedure, and the text it was read from where that is not the shipped one."""

    procedure: Procedure
    text: bytes | None = None

    def put(self, inventory: Path) -> None:
        """Into an inventory's folder, as it was read and hashed, whatever has become of its file since."""
        if self.text is not None:
            (inventory / "runbooks").mkdir()
            (inventory / "runbooks" / f"{self.procedure.id}.yaml").write_bytes(self.text)


def default_fault(procedure: Procedure) -> str:
    """What the project rehearsed a runbook of this name with, else what one that may do so much is for."""
    listed = shipped().get(procedure.id)
    if listed is not None:
        return listed.fault
    return POWER_FAULT if procedure.max_power_actions else SERVICE_FAULT


def own_runbooks() -> Path | None:
    """The folder of them in the accepted inventory, where there is one."""
    try:
        with closing(open_context()) as context:
            source = trusting.source_of(context)
    except StoreError:
        return None
    return source / "runbooks" if source is not None else None


def part_of(runbook: str, own: Path | None) -> Part | str:
    """The runbook as its file in ``own`` has it, else as it is shipped; or why there is none. Other files there do not matter."""
    ours = {path.stem: path for path in own.glob("*.yaml")} if own is not None else {}
    if runbook not in ours:
        found = runbooks.load(ACTIONS)
        if runbook in found:
            return Part(found[runbook])
        known = f"runbook {runbook!r} does not exist; would be right: {', '.join(sorted({*found, *ours}))}"
        return known if own is not None else f"{known}; {NONE_ACCEPTED}"
    try:
        procedure, text = runbooks.read(ACTIONS, [ours[runbook]])[runbook], ours[runbook].read_bytes()
    except (runbooks.RunbookError, OSError) as error:
        return str(error)
    if hashlib.sha256(text).hexdigest() != procedure.version:
        return f"{ours[runbook]} was changed while it was read; would be right: to rehearse it once it is written"
    return Part(procedure, text)
