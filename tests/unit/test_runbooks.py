"""Runbooks as they are meant: what ships, what a version is, where they are found."""

import hashlib
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import runbooks
from domain.events import RunOutcome
from domain.procedure import Done, Next, Past, StepOutcome, proceed
from remediation import ACTIONS

REPOSITORY = Path(__file__).parents[2]


def test_restart_service_looks_tells_looks_acts_and_looks() -> None:
    """R20, R22, R24."""
    procedure = runbooks.load(ACTIONS)["restart-service"]
    assert [step.action for step in procedure.steps] == ["look", "announce", "look", "restart_service", "look"]
    assert (procedure.steps[-1].until_s, procedure.steps[-1].every_s) == (30, 2)
    assert set(procedure.title) == {"en", "ja"}
    assert procedure.budget_s <= 3600


def test_restart_service_gives_up_when_the_last_look_sees_no_recovery() -> None:
    procedure = runbooks.load(ACTIONS)["restart-service"]
    past: list[Past] = []
    now_s = 0.0
    outcomes = {"announce": StepOutcome.DONE, "restart_service": StepOutcome.DONE, "look": StepOutcome.DOWN}
    while isinstance(coming := proceed(procedure, past, 0.0, now_s), Next):
        now_s = max(now_s, coming.not_before_s) + 1
        past.append(Past(coming.step.id, outcomes[coming.step.action], now_s))
        assert len(past) < 50
    assert coming == Done(RunOutcome.NOT_FIXED, acted=True)
    assert [item.step for item in past if item.step != "verify"] == ["look", "announce", "look-again", "restart"]


def test_the_version_is_the_content(tmp_path: Path) -> None:
    shipped = resources.files("runbooks").joinpath("restart-service.yaml").read_bytes()
    (tmp_path / "mine.yaml").write_bytes(shipped)
    first = runbooks.load(ACTIONS, tmp_path)["mine"]
    assert first.version == hashlib.sha256(shipped).hexdigest()
    (tmp_path / "mine.yaml").write_bytes(shipped.replace(b"timeout_s: 90", b"timeout_s: 91"))
    assert runbooks.load(ACTIONS, tmp_path)["mine"].version != first.version


def test_parameters_come_typed(tmp_path: Path) -> None:
    text = resources.files("runbooks").joinpath("restart-service.yaml").read_text(encoding="utf-8")
    text = text.replace("action: restart_service", "action: restart_service\n    parameters:\n      unit: php8.2-fpm")
    (tmp_path / "php.yaml").write_text(text, encoding="utf-8")
    step = next(step for step in runbooks.load(ACTIONS, tmp_path)["php"].steps if step.acts)
    assert dict(step.parameters) == {"unit": "php8.2-fpm.service"}


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("{{{")
    assert runbooks.load(ACTIONS, tmp_path) == {}


@pytest.mark.parametrize("packed", [False, True], ids=["installed", "in a zip"])
def test_the_shipped_ones_are_found_outside_the_checkout(tmp_path: Path, packed: bool) -> None:
    """As a wheel installs them, or as a zip archive holds them: through importlib.resources only."""
    site = tmp_path / "site"
    for package in ("domain", "runbooks"):
        shutil.copytree(REPOSITORY / package, site / package, ignore=shutil.ignore_patterns("__pycache__"))
    path = site
    if packed:
        path = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", site))
    code = f"""
import sys
sys.path.insert(0, {str(path)!r})
import runbooks
from domain.procedure import Effect
from runbooks.spec import ParameterSpec
class Restart:
    parameters = {{"unit": ParameterSpec("a unit", str)}}
    effect, repeatable, rehearsals = Effect.CHANGE, False, frozenset({{"guest"}})
assert {str(path)!r} in runbooks.__file__, runbooks.__file__
print(*runbooks.load({{"restart_service": Restart()}}))
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == ("restart-service\n", "")
