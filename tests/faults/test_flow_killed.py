"""A runbook's flow run, killed at its writes and its effect: hands goes on with it, the service is restarted at most once, its host
rebooted at most once, and a person is asked where nobody can know (R26). The other processes are killed in test_killed.py."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures_power import PaperMachine
from fixtures_prefect import TESTS, PrefectBed, until
from local import Door, Local, Tree, host, inventory, recoverable
from stricken import approve, brisk

from bed.chassis import Chassis
from bed.host import make_key
from bed.plain import PlainHost, why_not
from bed.redfish import Redfish
from bed.tls import Authority
from flows import server
from store.tables import CommandRow

UNIT = "nginx"
ASKED = "flow: after commit INSERT attempt #1"
POINTS = (
    ASKED,
    "flow: after restart #1",
    pytest.param("flow: commit INSERT inbox, UPDATE attempt #1", marks=pytest.mark.proof),
)
REBOOT = "reboot"
ORDERED = "flow: after redfish power #1"
POWER_POINTS = (
    ORDERED,
    pytest.param("flow: after commit INSERT attempt #2", marks=pytest.mark.proof),  # the first one is the diagnosis's
    pytest.param("flow: before redfish power #1", marks=pytest.mark.proof),
    pytest.param("flow: commit INSERT inbox, UPDATE attempt #2", marks=pytest.mark.proof),
)
BEFORE_THE_REPORT_IS_TOLD = "flow: commit INSERT inbox, complete command #2"


class DoorMachine(PaperMachine):
    """A machine whose door is open when it has started."""

    def __init__(self) -> None:
        super().__init__()
        self.door = Door()
        self.door.open()

    def reset(self) -> None:
        super().reset()
        self.door.shut()
        self.door.open()


class Flowing(Local):
    """Engine and watcher around a real sshd and web server, and an executor whose runs die where the test says. Hands only come
    when the run is dead, so that nobody else can have been first."""

    host: PlainHost
    machine: DoorMachine
    chassis: Chassis

    def executor(self, bed: PrefectBed) -> "subprocess.Popen[bytes]":
        server.make_homes(self.settings)
        self.settings.prefect_credential.write_text(bed.credential, encoding="utf-8")
        self.settings.prefect_credential.chmod(0o600)
        (self.settings.home / "kill").write_text("", encoding="utf-8")
        environment = {
            **self.environment,
            **server.executor_environment(self.settings, bed.credential, os.environ),
            "PYTHONPATH": f"{TESTS.parent}:{TESTS}:{TESTS / 'faults'}",
            "POINTS_ARMED": str(self.settings.home / "armed"),
            "POINTS_KILL_FILE": str(self.settings.home / "kill"),
        }
        log = self.settings.home / "executor.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect_killing"],
                env=environment,
                cwd=server.home(self.settings, "executor"),
                stdout=output,
                stderr=output,
            )
        until(lambda: "serving first-line" in log.read_text(encoding="utf-8"), 60)
        return process

    def break_service(self) -> None:
        self.host.break_service(UNIT)

    def dies_at(self, point: str, fault: Callable[[], None]) -> CommandRow:
        """Bring the fault about; the run whose flow run has died at that point, with hands at work on what is left."""
        runs = len(self.commands("Run"))
        (self.settings.home / "kill").write_text(point, encoding="utf-8")
        (self.settings.home / "killed").unlink(missing_ok=True)
        (self.settings.home / "armed").touch()
        fault()
        self.until("the flow run to be killed", (self.settings.home / "killed").exists)
        (self.settings.home / "armed").unlink()
        run = self.commands("Run")[runs]
        assert run.claimed_by == f"flow:{run.flow_run}"
        self.start("hands")
        return run

    def over(self) -> bool:
        done = all(row.done_s is not None for kind in ("Run", "Report", "Notify") for row in self.commands(kind))
        return done and all(row.closed_at_s is not None for row in self.incidents())


@pytest.fixture(scope="module")
def flowing(prefect_bed: PrefectBed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flowing]:
    if (why := why_not()) is not None:
        pytest.skip(why)
    folder = tmp_path_factory.mktemp("flowing")
    machine = DoorMachine()
    with PlainHost() as found, Chassis(machine, folder) as chassis, Redfish(chassis, folder, Authority(folder)) as bmc:
        found.authorize(make_key(folder / "identity"))
        tree = inventory({}, hosts={"web01": recoverable(found, folder / "identity"), "db01": switchable(machine, bmc, folder)})
        with Flowing(folder, tree, prefect=True, prefect_port=prefect_bed.settings.prefect_port) as made:
            assert isinstance(made, Flowing)
            made.host, made.machine, made.chassis = found, machine, chassis
            runbooks = made.inventory / "runbooks"
            runbooks.mkdir()
            (runbooks / f"{REBOOT}.yaml").write_text(brisk(REBOOT, 20), encoding="utf-8")
            executor = made.executor(prefect_bed)
            try:
                made.running("engine", "watcher")
                approve(made, REBOOT)
                yield made
            finally:
                executor.terminate()
                executor.wait(20)


def switchable(machine: DoorMachine, bmc: Redfish, folder: Path) -> Tree:
    """A host that nobody can log in to, and whose BMC keeps a record of restarts."""
    secret = folder / "bmc-password"
    secret.write_text(bmc.password, encoding="utf-8")
    secret.chmod(0o600)
    login = {"user": bmc.user, "password": {"file": str(secret)}, "ca_file": str(folder / "ca.pem")}
    power = {"driver": "redfish", "address": bmc.address, "port": bmc.port, **login}
    return host(machine.door.port, power=power, procedures={"server": REBOOT})


@pytest.fixture
def calm(flowing: Flowing) -> Iterator[Flowing]:
    """All is well, and in the end again; nobody is at work but engine, watcher and executor."""
    flowing.until("all to be well", lambda: flowing.all_up() and flowing.over())
    yield flowing
    if not flowing.all_up():
        flowing.host.restart_service(UNIT)
        flowing.machine.reset()
    flowing.until("all to be well", lambda: flowing.all_up() and flowing.over())
    flowing.end("hands")


@pytest.mark.parametrize("point", POINTS)
def test_killed_at(calm: Flowing, point: str) -> None:
    starts, known = calm.host.service_starts(UNIT), calm.codes()
    run = calm.dies_at(point, calm.break_service)
    calm.until("the run to be ended by another", lambda: _row(calm, run.key).done_s is not None)
    ended = _row(calm, run.key)
    assert str(ended.claimed_by).startswith("hands:")
    if point == ASKED:
        calm.until("a person to be paged", lambda: calm.codes()["paged"] > known["paged"])
        assert ended.outcome == "unknown"
        assert calm.host.service_starts(UNIT) == starts
        assert calm.incidents()[-1].phase == "handed"
    else:
        calm.until("the end of the incident", calm.over)
        assert ended.outcome == "fixed"
        assert calm.host.service_starts(UNIT) == starts + 1
        assert calm.codes()["recovered"] == known["recovered"] + 1


@pytest.mark.parametrize("point", POWER_POINTS)
def test_a_run_that_switches_the_power_killed_at(calm: Flowing, point: str) -> None:
    given, known = calm.chassis.given("reset"), calm.codes()
    run = calm.dies_at(point, calm.machine.door.shut)
    calm.until("the run to be ended by another", lambda: _row(calm, run.key).done_s is not None)
    ended = _row(calm, run.key)
    assert str(ended.claimed_by).startswith("hands:")
    if point == ORDERED or "UPDATE" in point:
        calm.until("the end of the incident", calm.over)
        assert (ended.outcome, calm.chassis.given("reset")) == ("fixed", given + 1)
        assert calm.codes()["recovered"] == known["recovered"] + 1
    else:
        calm.until("a person to be paged", lambda: calm.codes()["paged"] > known["paged"])
        assert (ended.outcome, calm.chassis.given("reset")) == ("unknown", given)
        assert calm.incidents()[-1].phase == "handed"


def test_killed_between_a_report_and_the_word_of_it(calm: Flowing) -> None:
    """It is there whole, and told once."""
    known = calm.codes()
    calm.dies_at(BEFORE_THE_REPORT_IS_TOLD, calm.break_service)
    incident = calm.incidents()[-1].id
    [written] = calm.settings.reports.glob(f"{incident}.*")
    assert calm.codes()["report_written"] == known["report_written"]
    calm.until("the report to be told", lambda: calm.codes()["report_written"] > known["report_written"])
    calm.until("the end of the incident", calm.over)
    assert calm.codes()["report_written"] == known["report_written"] + 1
    assert list(calm.settings.reports.glob(f"*{incident}.*")) == [written]
    content = written.read_bytes()
    assert content.startswith(b"%PDF-")
    assert content.rstrip().endswith(b"%%EOF")
    [report] = [row for row in calm.commands("Report") if row.incident == incident]
    assert str(report.claimed_by).startswith("hands:")


def _row(world: Flowing, key: str) -> CommandRow:
    return next(row for row in world.commands("Run") if row.key == key)
