"""The Prefect API's credential is made once, for its owner's eyes only."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.own_secret import OwnSecretError, ensure_credential


def test_is_made_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "prefect" / "credential"
    first = ensure_credential(path)
    assert first.startswith("hikeshi:")
    assert len(first) > 40
    assert ensure_credential(path) == first
    assert [item.name for item in path.parent.iterdir()] == ["credential"]


def test_differs_between_installations(tmp_path: Path) -> None:
    assert ensure_credential(tmp_path / "a") != ensure_credential(tmp_path / "b")


def test_others_cannot_read_it(tmp_path: Path) -> None:
    path = tmp_path / "prefect" / "credential"
    ensure_credential(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "credential"
    ensure_credential(path)
    path.chmod(0o640)
    with pytest.raises(OwnSecretError, match=r"credential: others can read it \(mode 0640, must be 0600\)"):
        ensure_credential(path)


def test_a_link_is_refused(tmp_path: Path) -> None:
    ensure_credential(tmp_path / "real")
    (tmp_path / "credential").symlink_to(tmp_path / "real")
    with pytest.raises(OwnSecretError, match="is not a plain file"):
        ensure_credential(tmp_path / "credential")


def test_two_that_start_at_once_get_the_same(tmp_path: Path) -> None:
    for attempt in range(20):
        path = tmp_path / str(attempt) / "credential"
        with ThreadPoolExecutor(2) as pool:
            assert len(set(pool.map(ensure_credential, [path, path]))) == 1
