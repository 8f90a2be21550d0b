"""Look at a host before anything destructive is done to it, and keep what is seen for people. Changes nothing."""

import contextlib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host, PowerControl
from domain.procedure import Effect, Parameter, StepOutcome
from remediation.action import NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Leave, NoWay, Result, Target
from remediation.host import INIT, SYSTEMD, SYSV, as_root, has_systemd, probes, words
from remediation.power_driver import PowerDriver
from remediation.powering import POWER_DRIVERS
from runbooks.spec import ParameterSpec

_PART_TIMEOUT_S = 15.0
_ROOT = ("sudo", "-n")
_PARTS: tuple[tuple[str, str | None, tuple[str, ...]], ...] = (
    ("load and memory", None, ("cat", "/proc/loadavg", "/proc/meminfo")),
    # Without their arguments: people write passwords there.
    ("processes", None, ("ps", "-eo", "pid,ppid,user,stat,etime,pcpu,pmem,wchan:20,comm", "--sort=-pcpu")),
    ("disk space", None, ("df", "-PTl")),
    ("inodes", None, ("df", "-Pil")),
    ("block devices", None, ("lsblk", "-o", "NAME,TYPE,SIZE,FSTYPE,MOUNTPOINT")),
    ("RAID", None, ("cat", "/proc/mdstat")),
    ("network", None, ("ip", "-s", "address")),
    ("kernel messages", None, (*_ROOT, "dmesg")),
    ("failed units", SYSTEMD, ("systemctl", "list-units", "--failed", "--no-legend", "--no-pager")),
    ("journal", SYSTEMD, (*_ROOT, "journalctl", "--no-pager", "--lines=1000")),
    ("system log", SYSV, (*_ROOT, "tail", "-n", "1000", "/var/log/messages")),
)
"""Name; init of hosts that have it, ``None`` for all; command."""


def _parts(host: Host, known: Mapping[str, str]) -> list[tuple[str, tuple[str, ...]]]:
    init, root = known.get(INIT, SYSTEMD), as_root(host.ssh)
    wanted = [(name, argv) for name, only, argv in _PARTS if only in (None, init)]
    return [(name, (*root, *argv[2:]) if argv[:2] == _ROOT else argv) for name, argv in wanted]


def _control(host: Host) -> tuple[PowerControl, PowerDriver]:
    driver = POWER_DRIVERS.get(host.power.driver) if host.power is not None else None
    if host.power is None or driver is None:
        raise CannotAct("the inventory names no power control")
    return host.power, driver


def _asked(host: Host) -> tuple[str, ...]:
    """The lines by which the power control is asked."""
    if host.power is None:
        return ()
    try:
        control, driver = _control(host)
        return driver.looks(control)
    except CannotAct as error:
        return (f"# the power control can't be asked: {error}",)


def _power(target: Target, connect: Connect) -> str:
    """What the power control says (R21: the status lamp), as text. Raises ``CannotReach`` and ``CannotAct``."""
    control, driver = _control(target.host)
    session = driver.open(target, control, connect)
    try:
        seen = session.look()
    finally:
        session.close()
    return f"power: {seen.state}\nhealth: {seen.health}\n"


@dataclass
class PreparedDiagnosis:
    """``_connection`` is ``None`` where no login was possible. ``_kept`` and ``_missed`` are what was asked beside the login."""

    target: Target
    _connection: Connection | None
    _kept: Mapping[str, str]
    _missed: Sequence[str]
    before: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def start(self, leave: Leave) -> Result:
        """One part after the other, each bounded in time; one that can't be had leaves the others alone."""
        for name, text in self._kept.items():
            self.target.keep(name, text)
        parts = _parts(self.target.host, self.target.known) if self._connection is not None else []
        kept, missed = list(self._kept), list(self._missed)
        deadline_s = self.target.clock.boottime_s() + leave.timeout_s
        for name, argv in parts:
            remaining_s = deadline_s - self.target.clock.boottime_s()
            if self._connection is None or remaining_s <= 0:
                missed.append(f"{name} (no time left)")
                continue
            ran = self._connection.run(argv, min(_PART_TIMEOUT_S, remaining_s))
            if ran.stdout.strip() or ran.exit_status == 0:
                self.target.keep(name, ran.stdout or "nothing\n")
                kept.append(name)
            if ran.exit_status != 0:
                missed.append(f"{name} ({words(ran)})")
        line = " && ".join(shlex.join(argv) for _, argv in parts)
        said = [f"kept: {', '.join(kept)}" if kept else "nothing kept", *([f"not whole: {', '.join(missed)}"] if missed else [])]
        return Result(StepOutcome.DONE if kept else StepOutcome.FAILED, "; ".join(said), line)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


@dataclass(frozen=True, slots=True)
class Diagnose:
    """Processes, disks, journal, kernel messages … as texts that stay with the incident."""

    name: str = "diagnose"
    effect: Effect = Effect.NONE
    repeatable: bool = True
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(default_factory=lambda: MappingProxyType({}))

    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - it takes none
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,
    ) -> tuple[str, ...]:
        lines = map(shlex.join, (*probes(known), *(argv for _, argv in _parts(host, known))))
        return (*_asked(host), *(lines if host.ssh is not None else ()))

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedDiagnosis:  # noqa: ARG002
        kept, missed, later = {}, [], False
        if target.host.power is not None:
            try:
                kept["power control"] = _power(target, connect)
            except (CannotReach, CannotAct) as error:
                missed.append(f"power control ({error})")
                later = not isinstance(error, NoWay | CannotAct)
        try:
            connection = connect(target)
        except CannotReach as error:
            if not kept:
                kind = CannotReach if later else type(error)
                raise kind("; ".join([str(error), *missed])) from error
            return PreparedDiagnosis(target, None, kept, [*missed, f"all that needs a login ({error})"])
        with contextlib.suppress(CannotReach):  # its systemd is ailing: so much the more is there to see
            has_systemd(target, connection)
        return PreparedDiagnosis(target, connection, kept, missed)

    def settle(
        self,
        target: Target,  # noqa: ARG002 - there is nothing to look for
        parameters: Mapping[str, Parameter],  # noqa: ARG002
        before: Mapping[str, str],  # noqa: ARG002
        connect: Connect,  # noqa: ARG002
        attempt: Attempted,  # noqa: ARG002
    ) -> Result:
        return Result(StepOutcome.FAILED, "cut off; it changes nothing, and what it had seen by then is kept")


DIAGNOSE = Diagnose()
