"""What is rehearsed is the text that was hashed, and only that."""

import hashlib
import shutil
from pathlib import Path

import pytest

from hikeshi.rehearsal import Part, part_of

SHIPPED = Path(__file__).parents[2] / "runbooks"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "runbooks"
    folder.mkdir()
    shutil.copy(SHIPPED / "restart-service.yaml", folder / "ours.yaml")
    return folder


def test_what_is_run_is_what_is_recorded_also_where_the_file_is_edited_meanwhile(own: Path, tmp_path: Path) -> None:
    part = part_of("ours", own)
    assert isinstance(part, Part)
    with (own / "ours.yaml").open("a") as file:
        file.write("# edited while the host was starting\n")
    inventory = tmp_path / "throwaway"
    inventory.mkdir()
    part.put(inventory)
    assert hashlib.sha256((inventory / "runbooks/ours.yaml").read_bytes()).hexdigest() == part.procedure.version


def test_a_broken_runbook_beside_it_does_not_matter(own: Path) -> None:
    (own / "broken.yaml").write_text("title: x\n")
    assert isinstance(part_of("ours", own), Part)
    shipped = part_of("reboot", own)
    assert isinstance(shipped, Part)
    assert shipped.text is None


def test_one_that_is_broken_itself_says_where(own: Path) -> None:
    (own / "ours.yaml").write_text("title: x\n")
    assert f"{own}/ours.yaml:1: title: " in str(part_of("ours", own))


def test_one_that_does_not_exist_is_told_with_those_that_do(own: Path) -> None:
    assert "would be right: first-line, leave-rescue, ours, reboot" in str(part_of("our", own))
    assert "does not exist" in str(part_of("our", None))
    assert "does not exist" in str(part_of("../runbooks/ours", own))
