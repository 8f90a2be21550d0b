"""The one credential of the Prefect API: made once, readable by its owner only, handed on in environments, never in an argv."""

import os
import secrets
import stat
import tempfile
from pathlib import Path

USER = "hikeshi"


class CredentialError(Exception):
    """The credential's file can be read by others, or is not a plain file."""


def ensure_credential(path: Path) -> str:
    """The credential ``user:password`` kept in ``path``; makes it (0600) on the first start.

    The Prefect UI asks for the same text. Raises ``CredentialError`` where the file is open to others.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The text is complete before the name exists: of two that start at once, both read the same credential.
    # mkstemp makes the file 0600.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{USER}:{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        if not path.exists():
            _link_unless_there(Path(draft), path)
    finally:
        Path(draft).unlink()
    return read_credential(path)


def read_credential(path: Path) -> str:
    """The credential in ``path``; raises ``CredentialError`` or ``OSError``."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise CredentialError(f"{path}: is not a plain file; remove it, and a new credential is made at the next start")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise CredentialError(f"{path}: others can read it (mode {mode:04o}, must be 0600); remove it, and a new one is made")
    return path.read_text(encoding="ascii").strip()


def _link_unless_there(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another process was first: its credential counts
