"""Every bad inventory under ``inventory/`` is refused with exactly the messages pinned beside it: all of them, in order.

A case is a folder whose files replace those of ``_base`` (a good inventory) or come on top. After a deliberate change of words:
``PIN=1 pytest tests/invalid/test_bad_inventories.py``, and read the difference.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.procedure import Procedure
from inventory import Code, InventoryError, Registries, load
from inventory.folder import MAX_FILE_BYTES, MAX_FILES
from probes import PROBES
from remediation import ACTIONS, POWER_DRIVERS

CASES = Path(__file__).parent / "inventory"
NAMES = sorted(case.name for case in CASES.iterdir() if case.is_dir() and case.name != "_base")
REGISTRIES = Registries(PROBES, {"restart-service": Procedure("restart-service", "1", {}, 600.0, ())}, POWER_DRIVERS, ACTIONS)


def refusal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> InventoryError:
    monkeypatch.chdir(folder)
    with pytest.raises(InventoryError) as caught:
        load(Path(), REGISTRIES)
    return caught.value


def assemble(name: str, tmp_path: Path) -> Path:
    folder = tmp_path / name
    shutil.copytree(CASES / "_base", folder)
    shutil.copytree(CASES / name, folder, dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_inventory_is_refused_with_exactly_these_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = str(refusal(assemble(name, tmp_path), monkeypatch)) + "\n"
    pinned = CASES / f"{name}.expected"
    if os.environ.get("PIN"):
        pinned.write_text(said, encoding="utf-8")
    assert said == pinned.read_text(encoding="utf-8")


def test_no_message_is_pinned_without_its_case() -> None:
    assert sorted(pinned.stem for pinned in CASES.glob("*.expected")) == NAMES


@pytest.mark.parametrize(
    "name",
    [
        "check-option-secret",
        "check-option-kinds",
        "snmp-words",
        "ssh-password",
        "power-password-plain",
        "power-password-other-key",
        "ssh-identity-literal",
        "operator-webhook",
        "operator-webhook-user",
    ],
)
def test_what_may_be_a_secret_is_never_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = str(refusal(assemble(name, tmp_path), monkeypatch))
    assert not any(secret in said for secret in ("hunter2", "BEGIN OPENSSH", "T0K3N", "user:pw"))


def _too_many(folder: Path) -> None:
    for number in range(MAX_FILES + 1):
        (folder / f"{number}.yaml").touch()


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "NO_FILES": (
        lambda folder: (folder / "hosts.txt").write_text("hosts: {}"),
        ".: holds no inventory, "
        "would be right: files that end in .yaml, with at least brand, customers, operators, on_call and hosts",
    ),
    "UNREADABLE": (
        lambda folder: (folder / "hosts.yaml").mkdir(),
        "hosts.yaml: cannot be read (not a regular file), would be right: a regular file that this user may read",
    ),
    "TOO_BIG": (
        lambda folder: (folder / "hosts.yaml").write_text("#" * (MAX_FILE_BYTES + 1)),
        "hosts.yaml: is too big (got more than 1048576 bytes), "
        "would be right: at most 1048576 bytes; split it, any file may hold any section",
    ),
    "TOO_MANY_FILES": (_too_many, ".: holds too many files (got 1001), would be right: at most 1000"),
}
"""Folders that can't be kept in a repository, or needn't."""


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_that_holds_no_inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fill, words = FOLDERS[name]
    fill(tmp_path)
    refused = refusal(tmp_path, monkeypatch)
    assert [(mistake.code, str(mistake)) for mistake in refused.mistakes] == [(name, words)]


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(InventoryError, match=r"^/nonexistent: is no folder, would be right: a folder of \.yaml files$") as caught:
        load(Path("/nonexistent"), REGISTRIES)
    assert caught.value.mistakes[0].code == "NO_FOLDER"


def test_a_pipe_does_not_keep_the_loader_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "hosts.yaml")
    assert [mistake.code for mistake in refusal(tmp_path, monkeypatch).mistakes] == ["UNREADABLE"]


def test_every_kind_of_mistake_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reached = {*FOLDERS, "NO_FOLDER"}
    for name in NAMES:
        reached |= {mistake.code for mistake in refusal(assemble(name, tmp_path), monkeypatch).mistakes}
    assert {code.name for code in Code} - reached == set()
