"""What a check of file systems has said, in numbers and names: for the attempt's record, and for the incident report."""

import re
from dataclasses import dataclass

_EXIT = re.compile(r"^== (\S+): exit (\d+)$", re.MULTILINE)
_ALONE = re.compile(r"^== (\S+): left alone: (.*)$", re.MULTILINE)
_CORRECTED = re.compile(r"\? yes\b")
_CLEARED = re.compile(r"^(?:Unattached zero-length )?[Ii]node \d+[^?]*\bClear\? yes\b", re.MULTILINE)
_ENTRY = re.compile(r"^Entry '([^\n]*)' in (\S[^\n]*) \(\d+\) [^?]*\bClear\? yes\b", re.MULTILINE)
_FOUND = re.compile(r"Connect to /lost\+found\? yes\b")


@dataclass(frozen=True, slots=True)
class Checked:
    """One file system: what was run on its device, and with which exit status it ended (``None``: it was left alone, because of
    ``why``). ``lost`` are the names that had no file any more, with their folders, sorted; ``found`` counts the files that had no
    name any more and are in ``lost+found``; ``corrected`` counts all corrections, ``cleared`` the damaged inodes among them."""

    device: str
    status: int | None
    why: str = ""
    corrected: int = 0
    cleared: int = 0
    lost: tuple[str, ...] = ()
    found: int = 0


def checked(output: str) -> tuple[Checked, ...]:
    """From the output of ``remediation.fsck.SCRIPT``. Of other checks than e2fsck only the exit status is known."""
    ended = [_one(device, int(status), _body(device, output)) for device, status in _EXIT.findall(output)]
    return (*ended, *(Checked(device, None, why) for device, why in _ALONE.findall(output)))


def _body(device: str, output: str) -> str:
    return output.partition(f"== {device}: exit ")[0].rpartition("\n== ")[2]


def _one(device: str, status: int, body: str) -> Checked:
    return Checked(
        device,
        status,
        corrected=len(_CORRECTED.findall(body)),
        cleared=len(_CLEARED.findall(body)),
        lost=tuple(sorted(f"{folder.removesuffix('/')}/{name}" for name, folder in _ENTRY.findall(body))),
        found=len(_FOUND.findall(body)),
    )
