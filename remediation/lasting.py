"""What may take long runs on the host as a transient systemd unit named after the attempt: a lost connection, or the end of this
process, does not end it; whoever logs in afterwards finds it by its name, and how it ended. It can't be begun twice."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.model import SshAccess
from domain.procedure import StepOutcome
from remediation.action import ATTEMPT, NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Leave, Result, Target
from remediation.host import KILLED, LOOK_TIMEOUT_S, as_root, has_systemd, probes, words

_PROPERTIES = "LoadState,ActiveState,SubState,Result,ExecMainCode,ExecMainStatus"
_EXITED = "1"  # CLD_EXITED, as in waitid(2); otherwise ExecMainStatus is the signal that ended it
_BEGIN_TIMEOUT_S = 30.0
_POLL_S = 1.0
_LOGIN_POLL_S = 5.0
_LINES = 3000
"""The last ones: how it ended must be among what is read."""

Judge = Callable[[int, str], tuple[StepOutcome, str]]
"""From exit status and output to what that means."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """A command to be run so. ``access`` is the login it is run by; ``user``: with whose rights, root's by default; ``name``: what
    its output is kept as."""

    argv: tuple[str, ...]
    name: str
    judge: Judge
    access: SshAccess | None
    user: str | None = None

    def begin(self, attempt: str) -> tuple[str, ...]:
        rights = () if self.user is None else (f"--uid={self.user}",)
        unit = ("systemd-run", f"--unit={attempt}", "--remain-after-exit", *rights)  # it stays, with its exit status
        return (*as_root(self.access), *unit, *self.argv)

    def output(self, attempt: str) -> tuple[str, ...]:
        """What it printed; of what systemd says about it nothing."""
        only = (f"_SYSTEMD_UNIT={attempt}.service", "--output=cat", "--no-pager", f"--lines={_LINES}")
        return (*as_root(self.access), "journalctl", *only)

    def describe(self, known: Mapping[str, str], before: Sequence[tuple[str, ...]] = ()) -> tuple[str, ...]:
        """The command lines of a run that goes well, with what is looked at ``before``; where it takes longer, it looks for the end
        more often."""
        acting = (self.begin(ATTEMPT), look(ATTEMPT), self.output(ATTEMPT))
        return tuple(map(shlex.join, (*probes(known), *before, *acting)))


def look(attempt: str) -> tuple[str, ...]:
    return ("systemctl", "show", f"{attempt}.service", f"--property={_PROPERTIES}")


def refuse_without_systemd(target: Target, connection: Connection) -> None:
    """Raises ``CannotAct`` on a host that can't run units."""
    if not has_systemd(target, connection):
        raise CannotAct("there is no systemd on this host, and without one it can't be followed; a person must do it")


@dataclass
class PreparedUnit:
    lasting: Lasting
    target: Target
    _connection: Connection
    before: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def start(self, leave: Leave) -> Result:
        argv = self.lasting.begin(leave.attempt)
        line = shlex.join(argv)
        ran = self._connection.run(argv, min(leave.timeout_s, _BEGIN_TIMEOUT_S), leave.guard)
        if not ran.sent:
            return Result(StepOutcome.NOT_DONE, words(ran), line)
        if ran.exit_status is None or ran.exit_status > KILLED:
            return Result(StepOutcome.UNKNOWN, words(ran), line)
        if ran.exit_status != 0:
            return Result(StepOutcome.FAILED, f"was not begun: {words(ran)}", line)
        return follow(self.target, self._connection, self.lasting, Attempted(leave.attempt, 0.0, leave.timeout_s))

    def close(self) -> None:
        self._connection.close()


def follow(target: Target, connection: Connection, lasting: Lasting, attempt: Attempted) -> Result:
    """Wait for the unit's end, for at most ``timeout_s``, and judge it; its output is kept."""
    line = shlex.join(lasting.begin(attempt.attempt))
    deadline_s = target.clock.boottime_s() + attempt.timeout_s
    while True:
        ran = connection.run(look(attempt.attempt), LOOK_TIMEOUT_S)
        if ran.exit_status != 0:
            return Result(StepOutcome.UNKNOWN, f"could not look at unit {attempt.attempt}: {words(ran)}", line)
        seen = dict(item.split("=", 1) for item in ran.stdout.splitlines() if "=" in item)
        if seen.get("LoadState") != "loaded":
            gone = "it was never begun, or the host has rebooted since"
            return Result(StepOutcome.UNKNOWN, f"no unit {attempt.attempt} on the host: {gone}", line)
        if _ended(seen):
            break
        if target.clock.boottime_s() >= deadline_s:
            goes_on = f"still running after {attempt.timeout_s:g} s, as unit {attempt.attempt}"
            return Result(StepOutcome.UNKNOWN, goes_on, line)
        target.clock.sleep(_POLL_S)
    return _judged(target, connection, lasting, attempt.attempt, seen)


def _ended(seen: Mapping[str, str]) -> bool:
    """Its process has ended; ``exited``: well."""
    return seen.get("ActiveState") in ("failed", "inactive") or seen.get("SubState") == "exited"


def _judged(target: Target, connection: Connection, lasting: Lasting, attempt: str, seen: Mapping[str, str]) -> Result:
    line = shlex.join(lasting.begin(attempt))
    read = connection.run(lasting.output(attempt), LOOK_TIMEOUT_S)
    output = read.stdout if read.exit_status == 0 else ""
    unread = "" if read.exit_status == 0 else f"; its output could not be read: {words(read)}"
    if output:
        target.keep(lasting.name, output)
    status = seen.get("ExecMainStatus", "")
    if seen.get("ExecMainCode") != _EXITED or not status.isdecimal():
        ended = f"signal {status}" if status not in ("", "0") else f"result {seen.get('Result', 'unknown')}"
        return Result(StepOutcome.FAILED, f"ended by {ended}{_last(output)}{unread}", line)
    outcome, detail = lasting.judge(int(status), output)
    return Result(outcome, f"{detail}{unread}", line)


def _last(output: str) -> str:
    said = [item.strip() for item in output.splitlines() if item.strip()]
    return f": {said[-1][:300]}" if said else ""


def exit_status(status: int, output: str) -> tuple[StepOutcome, str]:
    """A judge for what says by its exit status whether it worked."""
    outcome = StepOutcome.DONE if status == 0 else StepOutcome.FAILED
    return outcome, f"exit status {status}{_last(output)}"


def settle(target: Target, connect: Connect, lasting: Lasting, attempt: Attempted) -> Result:
    """After a ``start`` that nobody knows the end of: log in again, and pick the unit up where it is by now. What it does may have
    cut the way to the host for a while, so a login is tried until ``timeout_s`` is over."""
    deadline_s = target.clock.boottime_s() + attempt.timeout_s
    while True:
        try:
            connection = connect(target)
            break
        except CannotReach as error:
            if target.clock.boottime_s() >= deadline_s:
                return Result(StepOutcome.UNKNOWN, f"could not look at unit {attempt.attempt}: {error}")
            target.clock.sleep(_LOGIN_POLL_S)
    try:
        return follow(target, connection, lasting, attempt)
    finally:
        connection.close()


def login(target: Target, connect: Connect) -> Connection:
    """A login on which units can be run. Raises ``CannotReach`` and ``CannotAct``."""
    connection = connect(target)
    try:
        refuse_without_systemd(target, connection)
    except BaseException:
        connection.close()
        raise
    return connection
