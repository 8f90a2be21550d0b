"""Runbooks as they are meant: what ships, what a version is, where they are found."""

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import runbooks
from domain.events import RunOutcome
from domain.procedure import Effect, Step, StepOutcome
from domain.proceed import Done, Next, Past, proceed
from hikeshi import steps
from remediation import ACTIONS

REPOSITORY = Path(__file__).parents[2]
SHIPPED = ("first-line", "leave-rescue", "reboot", "reboot-and-fsck", "restart-service", "restore-network")


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


def way(runbook: str, fault: str, **outcomes: str) -> tuple[list[str], Done]:
    """The steps of a shipped runbook that come, each once, and its end. What isn't named is done, and looks see the fault."""
    procedure = runbooks.load(ACTIONS)[runbook]
    past: list[Past] = []
    now_s = 0.0
    while isinstance(coming := proceed(procedure, past, 0.0, now_s, fault=fault), Next):
        now_s = max(now_s, coming.not_before_s) + 1
        usual = "down" if coming.step.action == "look" else "done"
        past.append(Past(coming.step.id, StepOutcome(outcomes.get(coming.step.id.replace("-", "_"), usual)), now_s))
    return list(dict.fromkeys(item.step for item in past))[3:], coming


def test_which_service_it_is_for_matters_where_a_step_acts_on_it_and_names_none_itself(tmp_path: Path) -> None:
    assert {name for name, found in runbooks.load(ACTIONS).items() if found.of_service} == {"restart-service", "first-line"}
    text = (REPOSITORY / "runbooks/restart-service.yaml").read_text(encoding="utf-8")
    named = text.replace("action: restart_service", "action: restart_service\n    parameters: {unit: nginx}")
    (tmp_path / "restart-nginx.yaml").write_text(named, encoding="utf-8")
    assert not runbooks.load(ACTIONS, tmp_path)["restart-nginx"].of_service


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_runbook_looks_tells_and_looks_again_before_it_acts(name: str) -> None:  # R20
    procedure = runbooks.load(ACTIONS)[name]
    assert [step.action for step in procedure.steps[:3]] == ["look", "announce", "look"]
    assert procedure.budget_s <= 3600
    assert procedure.max_power_actions == sum(step.effect is Effect.POWER for step in procedure.steps)


def test_first_line_restarts_a_service_and_never_reboots_for_it() -> None:  # R22
    assert way("first-line", "service") == (["diagnose", "restart", "restart-verify"], Done(RunOutcome.NOT_FIXED, acted=True))
    assert way("first-line", "service", restart_verify="up")[1] == Done(RunOutcome.FIXED, acted=True)
    assert way("first-line", "service", restart="not_done")[0] == ["diagnose", "restart", "restart-verify"]


def test_first_line_goes_on_as_for_a_server_where_no_login_is_possible() -> None:  # R22
    steps, end = way("first-line", "service", restart="unreached", reboot_verify="up")
    assert steps == ["diagnose", "restart", "restart-verify", "reboot", "reboot-verify"]
    assert end == Done(RunOutcome.FIXED, acted=True)


@pytest.mark.parametrize(
    ("runbook", "fault"), [("first-line", "server"), ("reboot-and-fsck", "server"), ("reboot-and-fsck", "service")]
)
def test_after_a_reboot_that_did_not_help_the_file_systems_are_checked(runbook: str, fault: str) -> None:  # R21
    whole = ["diagnose", "reboot", "reboot-verify", "rescue", "fsck", "disk", "disk-verify"]
    assert way(runbook, fault, reboot_verify="up") == (whole[:3], Done(RunOutcome.FIXED, acted=True))
    assert way(runbook, fault, disk_verify="up") == (whole, Done(RunOutcome.FIXED, acted=True))
    for end in ("failed", "not_done", "unreached"):
        assert way(runbook, fault, fsck=end)[0] == whole, "it boots from its own disk again in any case"
    assert way(runbook, fault, fsck="unknown") == (whole[:5], Done(RunOutcome.UNKNOWN, acted=True)), "a check may be going on"
    assert way(runbook, fault, rescue="failed")[0] == [*whole[:4], "disk", "disk-verify"]
    assert way(runbook, fault, rescue="not_done")[0] == whole[:4], "it was never taken away from its own disk"
    assert way(runbook, fault, reboot="failed")[0] == whole, "it did not go down, or its BMC did not take the order"


@pytest.mark.parametrize("runbook", ["first-line", "reboot-and-fsck"])
@pytest.mark.parametrize("end", ["unreached", "not_done"])
def test_a_host_that_refuses_the_login_or_the_order_is_not_taken_into_its_rescue_system(runbook: str, end: str) -> None:
    """It answers: another host key may be another machine; a key that can't be read, or a missing sudo rule, is our own fault."""
    assert way(runbook, "server", reboot=end) == (["diagnose", "reboot", "reboot-verify"], Done(RunOutcome.NOT_FIXED, acted=False))
    if runbook == "first-line":
        steps, ended = way(runbook, "service", restart="unreached", reboot=end)
        assert steps == ["diagnose", "restart", "restart-verify", "reboot", "reboot-verify"]
        assert ended == Done(RunOutcome.NOT_FIXED, acted=False)


def test_restore_network_reboots_where_a_restart_of_the_network_did_not_help() -> None:
    assert way("restore-network", "server", network_verify="up")[0] == ["diagnose", "network", "network-verify"]
    assert way("restore-network", "server")[0] == ["diagnose", "network", "network-verify", "reboot", "reboot-verify"]


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
def anything(value):
    return value
class Spec:
    parameters = {{name: ParameterSpec(name, anything) for name in ("unit", "do", "boot")}}
    repeatable, rehearsals = False, frozenset({{"guest"}})
    def __init__(self, name):
        self.effect = Effect.NONE if name == "diagnose" else Effect.CHANGE
names = {sorted(ACTIONS)!r}
assert {str(path)!r} in runbooks.__file__, runbooks.__file__
print(*sorted(runbooks.load({{name: Spec(name) for name in names}})))
"""
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.stdout, found.stderr) == (" ".join(SHIPPED) + "\n", "")


def test_a_step_is_shown_with_all_that_it_does(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(
        "title: {en: Ours, ja: 自社}\nbudget_s: 3600\nmax_power_actions: 2\nsteps:\n"
        "  - {id: look, action: look, until_s: 60, every_s: 7}\n"
        "  - {id: seen, action: diagnose, retry: {attempts: 3, every_s: 9}, reach_s: 40}\n"
        "  - {id: work, action: command, parameters: {argv: [/opt/x, now], as_root: true}, on_failure: stop}\n"
        "  - {id: cycle, action: power, parameters: {do: cycle, boot: rescue}, when: {work: [failed, not_done]}}\n"
        "  - {id: check, action: fsck, when: {cycle: done}}\n"
        "  - {id: disk, action: power, parameters: {do: cycle, boot: disk}, when: {cycle: [done, failed]}}\n"
        "  - {id: last, action: look}\n"
    )
    shown = runbooks.load(ACTIONS, tmp_path)["ours"].steps
    assert [steps.row(step) for step in shown[:4]] == [
        ["look", "look", "-", "60 s, every 7 s for 60 s", "-", "-"],
        ["seen", "diagnose", "-", "60 s, 3 times, every 9 s, reached within 40 s", "-", "continue"],
        ["work", "command", "argv: /opt/x now; as_root: true", "60 s", "-", "stop"],
        ["cycle", "power", "do: cycle; boot: rescue", "60 s", "work is failed or not done", "continue"],
    ]
    said = json.loads(json.dumps(steps.plain(shown[3])))
    assert (said["parameters"], said["when"]) == ({"do": "cycle", "boot": "rescue"}, {"work": ["failed", "not_done"]})
    fields = {item.name for item in dataclasses.fields(Step)} - {"of_service"}
    assert set(said) == fields
