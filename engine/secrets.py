"""The one place where a secret is read: from the environment, or from a file that only its owner can read."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from domain.model import Secret

SECRET_MAX_BYTES = 64 * 1024


class SecretError(ValueError):
    """A secret could not be read. The text names the reference, never what it holds."""


def resolve(secret: Secret, environ: Mapping[str, str] = os.environ) -> str:
    """The secret's text, without one final line end. Raises ``SecretError``."""
    text = _from_environment(secret.name, environ) if secret.kind == "env" else _from_file(Path(secret.name))
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretError(f"{_named(secret)} is empty")
    if "\0" in text:
        raise SecretError(f"{_named(secret)} holds a NUL byte")
    return text


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    text = environ.get(name)
    if text is None:
        raise SecretError(f"environment variable {name} is not set here; set it and start `hikeshi up` again")
    if len(text) > SECRET_MAX_BYTES:
        raise SecretError(f"environment variable {name} is longer than {SECRET_MAX_BYTES} bytes")
    return text


def _from_file(path: Path) -> str:
    try:
        # O_NONBLOCK: a named pipe in the file's place must not hold us up
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _check_owner_only(path, os.fstat(file.fileno()))
            content = file.read(SECRET_MAX_BYTES + 1)
    except OSError as error:
        raise SecretError(f"file {path}: {error.strerror}") from None
    if len(content) > SECRET_MAX_BYTES:
        raise SecretError(f"file {path} is longer than {SECRET_MAX_BYTES} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise SecretError(f"file {path} is not UTF-8 text") from None


def _check_owner_only(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise SecretError(f"file {path} is not an ordinary file")
    if status.st_mode & stat.S_IRWXO:
        raise SecretError(f"file {path} is open to everybody (mode {stat.S_IMODE(status.st_mode):04o}); chmod o= {path}")


def _named(secret: Secret) -> str:
    return f"environment variable {secret.name}" if secret.kind == "env" else f"file {secret.name}"
