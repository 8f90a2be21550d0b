"""docs/runbooks.md lists every key of a runbook, and the example in the sample is a good one."""

import re
import shutil
from pathlib import Path

import pytest

import runbooks
from hikeshi.exits import Exit
from hikeshi.linting import check_runbooks
from remediation import ACTIONS
from runbooks import keys

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "runbooks.md").read_text(encoding="utf-8")
TABLES = {"runbook": keys.RUNBOOK, "step": keys.STEP, "retry": keys.RETRY, "verify": keys.VERIFY}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_documented(heading: str) -> None:
    section = PAGE.split(f"### `{heading}`\n", 1)[1].split("\n#", 1)[0]
    assert dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE)) == dict(TABLES[heading])


def test_every_shipped_runbook_is_named() -> None:
    assert [name for name in runbooks.load(ACTIONS) if f"`{name}`" not in PAGE] == []


def test_the_example_of_an_operation_procedure_is_good(tmp_path: Path) -> None:  # R60
    [example] = (REPOSITORY / "inventory" / "sample" / "runbooks").iterdir()
    shutil.copy(example, tmp_path / example.name.removesuffix(".example"))
    [(name, procedure)] = runbooks.load(ACTIONS, tmp_path).items()
    assert name == "shop-procedure"
    assert procedure.steps[-1].id == "restart-application-verify"


def test_runbooks_are_checked_by_file_by_folder_and_as_shipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_runbooks([], json=False) is Exit.OK
    assert "reboot-and-fsck" in capsys.readouterr().out
    (tmp_path / "bad.yaml").write_text("title: 3\n")
    assert check_runbooks([tmp_path], json=False) is Exit.BAD_INPUT
    assert 'bad.yaml:1: title: is "3", would be right: a mapping' in capsys.readouterr().err
    assert check_runbooks([tmp_path / "bad.yaml", tmp_path / "gone.yaml"], json=True) is Exit.BAD_INPUT
    said = capsys.readouterr().out
    assert "bad.yaml:1" in said
    assert "gone.yaml: cannot be read" in said


def test_a_folder_without_a_runbook_is_not_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours.yml").write_text("title: x\n")
    assert check_runbooks([tmp_path], json=False) is Exit.BAD_INPUT
    assert capsys.readouterr().err == f"{tmp_path}: holds no runbook, would be right: NAME.yaml in it\n"
