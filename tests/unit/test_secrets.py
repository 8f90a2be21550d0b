"""Secrets are read in one place, bounded, from files nobody else can read; an error never quotes one."""

import os
from pathlib import Path

import pytest

from domain.model import Secret
from engine.secrets import SECRET_MAX_BYTES, SecretError, resolve


def file_secret(path: Path, content: bytes, mode: int = 0o600) -> Secret:
    path.write_bytes(content)
    path.chmod(mode)
    return Secret("file", str(path))


def test_from_the_environment() -> None:
    assert resolve(Secret("env", "HOOK"), {"HOOK": "https://hook.example/abc"}) == "https://hook.example/abc"


@pytest.mark.parametrize("content", [b"key", b"key\n", b"key\r\n"])
def test_from_a_file_without_its_line_end(tmp_path: Path, content: bytes) -> None:
    assert resolve(file_secret(tmp_path / "secret", content)) == "key"


def test_lines_within_a_key_stay(tmp_path: Path) -> None:
    assert resolve(file_secret(tmp_path / "secret", b"BEGIN\nabc\nEND\n", 0o640)) == "BEGIN\nabc\nEND"


@pytest.mark.parametrize("mode", [0o644, 0o602, 0o604, 0o601])
def test_a_file_open_to_everybody_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(SecretError, match=f"open to everybody .mode {mode:04o}.; chmod o="):
        resolve(file_secret(tmp_path / "secret", b"hunter2", mode))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\0", "holds a NUL byte"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * SECRET_MAX_BYTES, "is longer than 65536 bytes"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_without_quoting_it(tmp_path: Path, content: bytes, says: str) -> None:
    with pytest.raises(SecretError, match=says) as caught:
        resolve(file_secret(tmp_path / "secret", content))
    assert "hunter2" not in str(caught.value)
    assert str(tmp_path / "secret") in str(caught.value)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path, says in ((tmp_path / "pipe", "not an ordinary file"), (tmp_path, "directory"), (tmp_path / "no", "No such file")):
        with pytest.raises(SecretError, match=says):
            resolve(Secret("file", str(path)))


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(SecretError, match="environment variable HOOK is not set"):
        resolve(Secret("env", "HOOK"), {})
