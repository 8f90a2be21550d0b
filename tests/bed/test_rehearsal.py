"""A runbook is rehearsed on a real host with a real fault; what passed may be approved, and what is shipped did pass."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local import Door, Local, host, inventory

from engine.inventory_source import InventorySource
from hikeshi.demo import database
from hikeshi.exits import Exit
from runbooks.approvals import shipped

RESTART = "restart-service"
LONGEST_S = 1500
OTHERS = [
    pytest.param(name, marks=[pytest.mark.proof, pytest.mark.timeout(LONGEST_S)]) for name in sorted(shipped()) if name != RESTART
]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """An engine whose inventory brings runbooks of its own: a shipped one, edited, and the demo's."""
    tree = inventory({})
    tree["hosts"] = {"web01": host(Door().port, procedures={"service": RESTART})}
    with Local(tmp_path, tree) as made:
        assert isinstance(made, Local)
        own = made.inventory / "runbooks"
        own.mkdir()
        text = (Path(__file__).parents[2] / "runbooks" / f"{RESTART}.yaml").read_text(encoding="utf-8")
        (own / f"{RESTART}.yaml").write_text(text.replace("budget_s: 600", "budget_s: 500"), encoding="utf-8")
        (own / f"{database.RUNBOOK}.yaml").write_bytes(database.brisk())
        InventorySource(made.context, made.inventory).start()
        made.start("engine")
        yield made


@pytest.mark.root
def test_an_edited_runbook_is_in_shadow_until_it_was_rehearsed_and_approved(local: Local, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    refused = local.quick("runbook", "approve", RESTART, "-m", "trust me")
    assert (refused.returncode, "never rehearsed" in refused.stderr) == (Exit.REFUSED, True), refused.stderr
    assert "shop shadow" in local.quick("runbook", "list").stdout
    done = local.quick("rehearse", RESTART, "--out", str(page))
    assert done.returncode == Exit.OK, done.stdout + done.stderr
    text = page.read_text(encoding="utf-8")
    assert "sudo -n systemctl restart nginx.service" in text
    assert "service-killed" in text
    assert f"{RESTART} passed" in done.stdout
    assert local.quick("runbook", "approve", RESTART, "-m", "I read the page").returncode == Exit.OK
    assert "shop on" in local.quick("runbook", "list").stdout
    assert str(page) in "".join(local.quick("runbook", "show", RESTART).stdout.split())


@pytest.mark.root
@pytest.mark.proof
def test_what_cannot_help_fails_and_is_not_approved(local: Local, tmp_path: Path) -> None:
    done = local.quick("rehearse", RESTART, "--fault", "service-irreparable", "--lang", "ja", "--out", str(tmp_path / "page.html"))
    assert done.returncode == Exit.REFUSED
    assert "不合格" in (tmp_path / "page.html").read_text(encoding="utf-8")
    refused = local.quick("runbook", "approve", RESTART, "-m", "all the same")
    assert (refused.returncode, "rehearsal failed" in refused.stderr) == (Exit.REFUSED, True), refused.stderr


@pytest.mark.root
@pytest.mark.parametrize("runbook", OTHERS)
def test_every_approved_runbook_passes_with_its_fault(runbook: str, local: Local, tmp_path: Path) -> None:
    """R26: what the project vouches for."""
    done = local.quick("rehearse", runbook, "--out", str(tmp_path / "page.html"))
    assert done.returncode == Exit.OK, done.stderr + (tmp_path / "page.html").read_text(encoding="utf-8")
