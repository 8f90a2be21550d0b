"""What the project vouches for is what it ships."""

import hashlib
import re
from pathlib import Path

import pytest

import runbooks
from bed.faults import FAULTS
from remediation import ACTIONS
from runbooks.approvals import shipped

FOLDER = Path(__file__).parents[2] / "runbooks"


@pytest.mark.parametrize("runbook", sorted(shipped()))
def test_an_approval_is_of_the_file_as_it_is(runbook: str) -> None:
    found = hashlib.sha256((FOLDER / f"{runbook}.yaml").read_bytes()).hexdigest()
    assert shipped()[runbook].version == found, (
        f"rehearse it as it is now: hikeshi rehearse {runbook}; then runbooks/approvals.toml"
    )
    assert runbooks.load(ACTIONS)[runbook].version == found
    assert shipped()[runbook].fault in FAULTS
    assert re.fullmatch(r"\d+\.\d+\.\d+", shipped()[runbook].release)


def test_what_is_shipped_is_vouched_for() -> None:
    """A fresh installation acts by it as soon as automation is on."""
    assert set(runbooks.load(ACTIONS)) == set(shipped())
