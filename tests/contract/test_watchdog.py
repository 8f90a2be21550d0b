"""A host whose panel restarts services itself gets its time, and is never raced (R23)."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import pytest
from fixtures_ssh import SshServer
from hand_clock import HandClock

from domain.procedure import Parameter, StepOutcome
from remediation import ACTIONS, CannotAct, CannotReach, Leave, Result, Target, open_connection

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


@dataclass
class Panel:
    server: SshServer
    clock: Clock
    known: dict[str, str]

    def is_now(self, properties: Mapping[str, str]) -> None:
        lines = "\\n".join(f"{name}={value}" for name, value in properties.items())
        self.server.script("systemctl", f"printf '{lines}\\n'")

    def target(self, panel: str | None = None) -> Target:
        found = self.server.target(service="nginx")
        host = replace(found.host, panel=panel)
        return replace(found, host=host, clock=self.clock, known=self.known, remember=self.known.__setitem__)

    def restart(self, panel: str | None = None, parameters: Mapping[str, Parameter] | None = None) -> Result:
        with contextlib.closing(RESTART.prepare(self.target(panel), parameters or {}, open_connection)) as prepared:
            return prepared.start(Leave("hikeshi-1", 10, lambda: None))

    def restarts(self) -> int:
        return sum(line.startswith("sudo") for line in self.server.commands())


@pytest.fixture
def panel(sshd_server: SshServer) -> Panel:
    """A Plesk host with its watchdog; nginx is dead."""
    made = Panel(sshd_server, Clock(), {})
    sshd_server.script("cat", 'case "$1" in /usr/local/psa/version) echo "18.0.52 CentOS 7" ;; *) exec /bin/cat "$@" ;; esac')
    sshd_server.script("pgrep", '[ "$*" = "-x monit" ]')
    sshd_server.script("sudo", "true")
    made.is_now(DEAD)
    return made


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
        (None, "exit 1", 300, 0),
        ("plesk", "exit 1", 300, 300),
        (None, "true", 60, 60),
        ("plesk", "true", 0, 0),
        ("none", "true", 300, 0),
    ],
)
def test_how_long_it_gets(panel: Panel, named: str | None, pgrep: str, watchdog_s: float, waited_s: float) -> None:
    panel.server.script("pgrep", pgrep)
    assert panel.restart(named, {"watchdog_s": watchdog_s}).outcome is StepOutcome.DONE
    assert sum(panel.clock.slept) == waited_s


def test_who_can_not_look_any_more_does_nothing(panel: Panel) -> None:
    panel.clock.meanwhile = lambda: panel.server.script("systemctl", "exit 1")
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
    panel.server.script("cat", 'case "$1" in /usr/local/psa/version) exit 1 ;; *) exec /bin/cat "$@" ;; esac')
    panel.restart()
    first = len(panel.server.commands())
    panel.restart()
    assert panel.server.commands()[first:] == list(RESTART.describe(panel.target().host, {}, "nginx", panel.known))
    assert [line.split()[0] for line in panel.server.commands()] == [
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
