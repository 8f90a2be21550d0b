"""An action that can't even be begun: nothing was done to the host, and that is what stands in the record (R25)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_power import PASSWORD, db01
from fixtures_ssh import host_at
from hand_clock import HandClock
from sample_policy import HOST, policy
from store_samples import working

from bed.chassis import Chassis
from bed.host import make_key
from bed.ipmi import Ipmi
from domain.commands import Run
from domain.model import PowerControl, Secret
from domain.procedure import LEFT_ALONE, Effect, Step, StepOutcome
from engine import secrets
from engine.acting import REACH_RETRY_S, Acting, StepResult, act
from engine.claim import LeaseKeeper, LostError
from engine.context import Context
from engine.settings import Settings
from remediation import Target, lasting
from remediation.action import Ran
from remediation.host import words
from store import journal
from store.db import Store

RUN = Run(
    key="INC-000001/2/run/restart-service",
    incident="INC-000001",
    host=HOST,
    runbook="restart-service",
    checks=(f"{HOST}/http",),
    service="nginx.service",
    requested_by="engine",
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def context(tmp_path: Path, clock: HandClock) -> Iterator[Context]:
    url = f"sqlite:///{tmp_path / 'hikeshi.db'}"
    made = Context(Settings(home=tmp_path, store_url=url), Store(url, clock), clock)
    yield made
    made.close()


def test_a_host_that_nobody_can_ever_log_in_to_is_not_worked_on_nor_waited_for(context: Context, clock: HandClock) -> None:
    host = policy().hosts[HOST]
    assert host.ssh is None
    ended: list[str] = []
    not_done: list[StepResult] = []
    with LeaseKeeper(context, "hands:1", RUN.key, asked_boot_s=context.clock.boottime_s()) as lease:
        acting = Acting(
            context=context,
            run=RUN,
            claimer="hands:1",
            lease=lease,
            check=lease.check,
            step=Step("restart", "restart_service", reach_s=900),
            target=Target(host=host, resolve=secrets.resolve, clock=context.clock, service=RUN.service),
        )
        result = act(acting, ended=lambda attempt, _: ended.append(attempt), not_done=not_done.append)
    assert (result.outcome, result.detail) == (StepOutcome.UNREACHED, "the inventory says nothing about ssh on this host")
    assert result.outcome in LEFT_ALONE
    assert (ended, not_done, clock.slept) == ([], [result], [])


@pytest.mark.parametrize(("reach_s", "tries"), [(0.0, 1), (30.0, 11), (31.0, 11), (33.0, 12)])
def test_a_host_that_is_not_reached_is_tried_for_as_long_as_the_step_says(
    context: Context, clock: HandClock, tmp_path: Path, reach_s: float, tries: int
) -> None:
    host = host_at("127.0.0.1", 1, (make_key(tmp_path / "host"),), identity=Secret("file", str(tmp_path / "not there yet")))
    asked: list[float] = []
    not_done: list[StepResult] = []
    began_s = clock.boot_s
    with LeaseKeeper(context, "hands:1", RUN.key, asked_boot_s=began_s) as lease:
        acting = Acting(
            context=context,
            run=RUN,
            claimer="hands:1",
            lease=lease,
            check=lambda: asked.append(clock.boot_s),
            step=Step("restart", "restart_service", reach_s=reach_s),
            target=Target(host=host, resolve=secrets.resolve, clock=clock, service=RUN.service),
        )
        act(acting, ended=lambda *_: None, not_done=not_done.append)
    assert [result.outcome for result in not_done] == [StepOutcome.UNREACHED]
    assert [at_s - began_s for at_s in asked] == [REACH_RETRY_S * number for number in range(1, tries)], "asked before each try"


def test_how_a_step_ended_is_told_without_the_secrets_that_its_host_said() -> None:
    ran = Ran(("/srv/app",), 1, "connecting\nDB_PASSWORD=hunter2 refused\n")
    _, detail = lasting.exit_status(1, ran.stdout)
    for said in (detail, words(ran)):
        told = StepResult(StepOutcome.FAILED, said)
        assert "hunter2" in said
        assert "DB_PASSWORD=*** refused" in told.detail


def test_whoever_has_lost_the_run_gives_no_order_and_writes_nothing(context: Context, chassis: Chassis, ipmi: Ipmi) -> None:
    context.store.migrate()
    (command,) = working(context.store, 1, who="them")
    host = db01(PowerControl("ipmi", ipmi.address, ipmi.port, ipmi.user, PASSWORD))
    written: list[object] = []
    with LeaseKeeper(context, "us", command.key, asked_boot_s=context.clock.boottime_s()) as lease:
        acting = Acting(
            context=context,
            run=command,
            claimer="us",
            lease=lease,
            check=lambda: None,
            step=Step("cycle", "power", {"do": "cycle"}, effect=Effect.POWER),
            target=Target(host=host, resolve=lambda _: ipmi.password, clock=context.clock),
            max_power_actions=1,
        )
        with pytest.raises(LostError, match="us no longer holds"):
            act(acting, ended=lambda *told: written.append(told), not_done=written.append)
    with context.store.read() as session:
        assert (chassis.orders, written, journal.attempts(session, command.key)) == ([], [], [])
