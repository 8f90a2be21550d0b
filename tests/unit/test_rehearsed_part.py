"""What is rehearsed is the text that was hashed, and only that."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from bed.faults import FAULTS, REHEARSED
from hikeshi.rehearsal import keep_logs, news
from hikeshi.rehearsal_part import Part, default_fault, part_of
from runbooks.approvals import shipped
from store.tables import Attempt

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
    assert "accepted" not in str(part_of("our", own))
    assert str(part_of("ours", None)).endswith("none was accepted yet: start `hikeshi up` with it once")
    assert "does not exist" in str(part_of("../runbooks/ours", own))


def test_one_that_may_switch_the_power_is_rehearsed_with_what_only_that_cures(own: Path) -> None:
    part = part_of("ours", own)
    assert isinstance(part, Part)
    assert default_fault(part.procedure) == "service-killed"
    assert default_fault(replace(part.procedure, max_power_actions=1)) == "hang"
    found = part_of("restore-network", None)
    assert isinstance(found, Part)
    assert default_fault(found.procedure) == shipped()["restore-network"].fault == "network-down"


def test_a_fault_that_no_check_sees_brings_one_that_a_check_sees() -> None:
    done: list[tuple[str, ...]] = []

    class Hand:
        name, services = "throwaway", ("nginx",)

        def run(self, argv: list[str]) -> None:
            done.append(tuple(argv))

        def break_service(self, service: str) -> None:
            done.append((service,))

    for name in ("sudo-refused", "host-key-changed"):
        done.clear()
        REHEARSED[name].bring(Hand())
        assert done[-1] == ("nginx",)
        assert len(done) > 1
        assert FAULTS["service-killed"].text in REHEARSED[name].text
    assert REHEARSED["hang"] is FAULTS["hang"]
    assert not {name for name in REHEARSED if name.startswith("bmc-")}


def test_each_step_is_told_once_as_it_ends() -> None:
    def ended(number: int, step: str, outcome: str, detail: str = "") -> Attempt:
        return Attempt(
            id=str(number), command="run", number=number, step=step, action="look", host="h", customer="c", claimer="x",
            intent_s=0.0, intent_boot_s=0.0, code="admitted", outcome=outcome, detail=detail,
        )  # fmt: skip

    looks = [ended(number, "verify", outcome) for number, outcome in enumerate(("down", "down", "up"), 2)]
    made = [ended(1, "first", "done", "restarted"), *looks]
    assert news(made[:1], 0) == ["first (look): done, restarted"]
    assert news(made[:2], 1) == ["verify (look): down"]
    assert news(made, 2) == ["verify (look): up"]
    assert news(made, 4) == []


def test_the_logs_outlive_the_folder(tmp_path: Path) -> None:
    (tmp_path / "home/log").mkdir(parents=True)
    (tmp_path / "up.log").write_text("the engine ended\n")
    (tmp_path / "home/log/engine.log").write_text("no space left\n")
    text = keep_logs(tmp_path, tmp_path / "kept").read_text()
    assert "== up.log\nthe engine ended\n" in text
    assert "== engine.log\nno space left\n" in text
