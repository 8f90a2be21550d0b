"""What the project vouches for is what it ships."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

import runbooks
from bed.faults import FAULTS
from domain.trust import ON_REQUEST
from hikeshi.demo.database import BASE, brisk
from hikeshi.demo.database import RUNBOOK as BRISK
from remediation import ACTIONS
from runbooks.approvals import shipped

FOLDER = Path(__file__).parents[2] / "runbooks"


@pytest.mark.parametrize("runbook", sorted(shipped()))
def test_an_approval_is_of_the_file_as_it_is(runbook: str) -> None:
    text = brisk() if runbook == BRISK else (FOLDER / f"{runbook}.yaml").read_bytes()
    found = hashlib.sha256(text).hexdigest()
    assert shipped()[runbook].version == found, (
        f"rehearse it as it is now: hikeshi rehearse {runbook}; then runbooks/approvals.toml"
    )
    assert runbook == BRISK or runbooks.load(ACTIONS)[runbook].version == found
    assert shipped()[runbook].fault in FAULTS
    assert re.fullmatch(r"\d+\.\d+\.\d+", shipped()[runbook].release)


def test_what_is_shipped_is_vouched_for() -> None:
    """A fresh installation acts by it as soon as automation is on; but for what only a person runs, by name."""
    assert {*runbooks.load(ACTIONS), BRISK} - ON_REQUEST == set(shipped())


def test_the_demos_runbook_is_the_shipped_one_but_for_one_time(tmp_path: Path) -> None:
    file = tmp_path / f"{BRISK}.yaml"
    file.write_bytes(brisk())
    ours, theirs = runbooks.read(ACTIONS, [file])[BRISK], runbooks.load(ACTIONS)[BASE]
    differing = [(step, base) for step, base in zip(ours.steps, theirs.steps, strict=True) if step != base]
    assert [(step.id, step.until_s) for step, _ in differing] == [("reboot-verify", 12.0)]
    assert [replace(step, until_s=base.until_s) == base for step, base in differing] == [True]
    assert (ours.max_power_actions, ours.budget_s) == (theirs.max_power_actions, theirs.budget_s)
