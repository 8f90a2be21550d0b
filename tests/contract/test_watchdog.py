"""A host whose panel restarts services itself gets its time, and is never raced (R23)."""

import contextlib
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from fixtures_ssh import host_at
from hand_clock import HandClock

from domain.procedure import Parameter, StepOutcome
from remediation import ACTIONS, CannotAct, CannotReach, Guard, Leave, Result, Target
from remediation.action import Ran

RESTART = ACTIONS["restart_service"]
DEAD = {"LoadState": "loaded", "ActiveState": "failed", "SubState": "failed", "InvocationID": "aaaa"}
BACK = {"LoadState": "loaded", "ActiveState": "active", "SubState": "running", "InvocationID": "bbbb"}


@dataclass
class Clock(HandClock):
    """While anybody sleeps, the world goes on."""

    meanwhile: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.meanwhile()


class Panel:
    """A login on a Plesk host with its watchdog, where nginx is dead; its programs say what is set here."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.known: dict[str, str] = {}
        self.sent: list[str] = []
        self.says = {"cat": Ran((), 0, "18.0.52 CentOS 7\n"), "pgrep": Ran((), 0), "sudo": Ran((), 0)}
        self.is_now(DEAD)

    def is_now(self, properties: Mapping[str, str]) -> None:
        self.says["systemctl"] = Ran((), 0, "".join(f"{name}={value}\n" for name, value in properties.items()))

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        self.sent.append(shlex.join(argv))
        return replace(self.says[argv[0]], argv=tuple(argv))

    def close(self) -> None:
        """There is nothing to close."""

    def target(self, panel: str | None = None) -> Target:
        host = replace(host_at("192.0.2.1", 22, (), service="nginx"), panel=panel)
        return Target(host, lambda _: "", self.clock, "nginx", self.known, self.known.__setitem__)

    def restart(self, panel: str | None = None, parameters: Mapping[str, Parameter] | None = None) -> Result:
        with contextlib.closing(RESTART.prepare(self.target(panel), parameters or {}, lambda _: self)) as prepared:
            return prepared.start(Leave("hikeshi-1", 10, lambda: None))

    def restarts(self) -> int:
        return sum(line.startswith("sudo") for line in self.sent)


@pytest.fixture
def panel() -> Panel:
    return Panel()


@pytest.mark.parametrize("named", [None, "plesk"])
def test_the_watchdog_gets_its_time_and_then_the_service_is_restarted(panel: Panel, named: str | None) -> None:
    result = panel.restart(named)
    assert (result.outcome, sum(panel.clock.slept), panel.restarts()) == (StepOutcome.DONE, 300.0, 1)
    assert result.detail.startswith("the panel's watchdog did nothing within 300 s; restarted; ")
    assert panel.known == {"init": "systemd"} | ({"panel": "plesk"} if named is None else {})


def test_what_the_watchdog_has_restarted_is_left_alone(panel: Panel) -> None:
    def later() -> None:
        if panel.clock.boot_s >= 5_000.0 + 100:
            panel.is_now(BACK)

    panel.clock.meanwhile = later
    with pytest.raises(CannotAct, match=r"the panel's watchdog has restarted it; nginx.service is active \(running\)"):
        panel.restart()
    assert panel.restarts() == 0
    assert 100 <= sum(panel.clock.slept) < 120, "nobody waits on when it is back"


def test_one_that_hangs_is_not_taken_for_one_that_was_restarted(panel: Panel) -> None:
    panel.is_now({**BACK, "InvocationID": "aaaa"})
    assert panel.restart().outcome is StepOutcome.DONE
    assert panel.restarts() == 1


def test_a_watchdog_that_fails_to_restart_it_is_no_reason_to_leave_it(panel: Panel) -> None:
    panel.clock.meanwhile = lambda: panel.is_now({**DEAD, "InvocationID": "bbbb"})
    assert panel.restart().outcome is StepOutcome.DONE
    assert (sum(panel.clock.slept), panel.restarts()) == (300.0, 1)


@pytest.mark.parametrize(
    ("named", "pgrep", "watchdog_s", "waited_s"),
    [
        (None, 1, 300, 0),
        ("plesk", 1, 300, 300),
        (None, 0, 60, 60),
        ("plesk", 0, 0, 0),
        ("none", 0, 300, 0),
    ],
)
def test_how_long_it_gets(panel: Panel, named: str | None, pgrep: int, watchdog_s: float, waited_s: float) -> None:
    panel.says["pgrep"] = Ran((), pgrep)
    assert panel.restart(named, {"watchdog_s": watchdog_s}).outcome is StepOutcome.DONE
    assert sum(panel.clock.slept) == waited_s


def test_who_can_not_look_any_more_does_nothing(panel: Panel) -> None:
    panel.clock.meanwhile = lambda: panel.says.update(systemctl=Ran((), 1))
    with pytest.raises(CannotReach, match="could not look whether the panel's watchdog has restarted"):
        panel.restart()
    assert panel.restarts() == 0


def test_a_dry_run_says_that_it_waits(panel: Panel) -> None:
    host = panel.target("plesk").host
    assert "# waits up to 300 s for the panel's watchdog" in RESTART.describe(host, {}, "nginx")
    assert "# waits up to 60 s for the panel's watchdog" in RESTART.describe(
        panel.target().host, {"watchdog_s": 60.0}, "nginx", {"panel": "plesk"}
    )


def test_a_host_without_a_panel_is_asked_once(panel: Panel) -> None:
    panel.says["cat"] = Ran((), 1)
    panel.restart()
    panel.restart()
    assert [line.split()[0] for line in panel.sent] == [
        "systemctl",
        "cat",
        "sudo",
        "systemctl",
        "systemctl",
        "sudo",
        "systemctl",
    ]


@pytest.mark.parametrize("value", [-1, 901, "x", True, None])
def test_the_time_is_bounded(value: object) -> None:
    with pytest.raises(ValueError, match="0 to 900 seconds"):
        RESTART.parameters["watchdog_s"].parse(value)
