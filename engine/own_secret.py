"""Secrets of hikeshi's own: each made once, readable by its owner only, handed on in environments, never in an argv."""

import os
import secrets
import stat
import tempfile
from pathlib import Path

PREFECT_USER = "hikeshi"


class OwnSecretError(Exception):
    """A secret's file can be read by others, is empty, or is not a plain file; the text says how to mend it."""


def ensure_credential(path: Path) -> str:
    """The credential ``user:password`` of the Prefect API, for which its UI asks too; as ``ensure``."""
    return ensure(path, f"{PREFECT_USER}:")


def ensure(path: Path, prefix: str = "") -> str:
    """The secret kept in ``path``: ``prefix`` and 32 random bytes as text; makes it (0600) on the first start.

    Raises ``OwnSecretError``, or ``OSError``.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path, prefix)
    return read(path)


def read(path: Path) -> str:
    """The secret in ``path``; raises ``OwnSecretError`` or ``OSError``."""
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise OwnSecretError(f"{path}: is not a plain file; remove it, and a new one is made")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        raise OwnSecretError(f"{path}: others can read it (mode {mode:04o}, must be 0600); remove it, and a new one is made")
    found = path.read_text(encoding="ascii").strip()
    if not found:
        raise OwnSecretError(f"{path}: is empty; remove it, and a new one is made")
    return found


def _make(path: Path, prefix: str) -> None:
    """The text is complete before the name exists: of two that start at once, both read the same secret."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made 0600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(f"{prefix}{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        _link_unless_there(Path(draft), path)
    finally:
        Path(draft).unlink()


def _link_unless_there(draft: Path, path: Path) -> None:
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        return  # another process was first: its secret counts
