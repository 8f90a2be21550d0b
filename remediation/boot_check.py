"""Have a host check its file systems when it boots the next time (R21): arranged over SSH, while one can still log in."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host
from domain.procedure import Effect, Parameter, StepOutcome
from remediation.action import NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Leave, Result, Target, TooLate
from remediation.fsck import named
from remediation.host import KILLED, LOOK_TIMEOUT_S, as_root, words
from runbooks.spec import ParameterSpec

ENTRY = "hikeshi-fsck"
"""The entry of GRUB's menu that an operator has prepared: as the default one, with ``fsck.mode=force fsck.repair=yes`` on the
kernel's command line."""
_MENU = "/boot/grub/grub.cfg"
_EXT = frozenset({"ext2", "ext3", "ext4"})
_CHANGE_TIMEOUT_S = 30.0
_MOUNTS = 1000
_DUE = str(_MOUNTS + 1)
"""So often mounted since its last check, a file system is due for one. Not ``-E force_fsck``: of one that is mounted, the kernel
takes that flag away again when it is unmounted in good order."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """One thing to be set. It is set when ``look`` prints ``trace`` in the line that begins with ``key``, and can be where
    ``possible`` ends well."""

    what: str
    set_argv: tuple[str, ...]
    look: tuple[str, ...]
    key: str
    trace: str
    possible: tuple[str, ...] = ()

    def found(self, connection: Connection) -> bool:
        """Raises ``CannotReach`` where it can't be told."""
        ran = connection.run(self.look, LOOK_TIMEOUT_S)
        if ran.exit_status != 0:
            raise CannotReach(f"{shlex.join(self.look)}: {words(ran)}")
        return any(line.startswith(self.key) and line.endswith(self.trace) for line in map(str.strip, ran.stdout.splitlines()))


def _marks(host: Host) -> tuple[_Mark, ...]:
    """A count in each ext file system that the inventory names; for others, and where it names none, one boot by ``ENTRY``."""
    root = as_root(host.ssh)
    found = named(host)
    marks = tuple(
        _Mark(
            item.device,
            (*root, "tune2fs", "-c", str(_MOUNTS), "-C", _DUE, item.device),
            (*root, "tune2fs", "-l", item.device),
            "Mount count:",
            f" {_DUE}",
        )
        for item in found
        if item.type in _EXT
    )
    if found and len(marks) == len(found):
        return marks
    entry = _Mark(
        f"GRUB's entry {ENTRY}",
        (*root, "grub-reboot", ENTRY),
        ("grub-editenv", "list"),
        "next_entry=",
        f"={ENTRY}",
        # grub-reboot takes any name, and GRUB then boots something else
        (*root, "grep", "-F", "-m", "1", ENTRY, _MENU),
    )
    return (*marks, entry)


@dataclass
class PreparedMarks:
    marks: Sequence[_Mark]
    _connection: Connection
    before: Mapping[str, str] = field(default_factory=lambda: NOTHING)

    def start(self, leave: Leave) -> Result:
        line = " && ".join(shlex.join(mark.set_argv) for mark in self.marks)
        for number, mark in enumerate(self.marks):
            try:
                ran = self._connection.run(mark.set_argv, min(leave.timeout_s, _CHANGE_TIMEOUT_S), leave.guard)
            except TooLate as error:
                if number == 0:
                    raise
                return Result(StepOutcome.FAILED, f"{mark.what}: {error}; those before it are set", line)
            if not ran.sent and number == 0:
                return Result(StepOutcome.NOT_DONE, words(ran), line)
            if ran.exit_status is None or ran.exit_status > KILLED:
                return Result(StepOutcome.UNKNOWN, f"{mark.what}: {words(ran)}", line)
            if ran.exit_status != 0:
                return Result(StepOutcome.FAILED, f"{mark.what}: {words(ran)}", line)
        try:
            return _seen(self.marks, self._connection, line)
        except CannotReach as error:
            return Result(StepOutcome.UNKNOWN, str(error), line)

    def close(self) -> None:
        self._connection.close()


def _seen(marks: Sequence[_Mark], connection: Connection, line: str) -> Result:
    missing = [mark.what for mark in marks if not mark.found(connection)]
    if missing:
        return Result(StepOutcome.FAILED, f"not arranged: {', '.join(missing)}", line)
    return Result(StepOutcome.DONE, f"arranged for the next boot: {', '.join(mark.what for mark in marks)}", line)


@dataclass(frozen=True, slots=True)
class FsckAtBoot:
    """``tune2fs`` or ``grub-reboot``. To set it twice is to set it once, and it can be seen."""

    name: str = "fsck_at_boot"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"disks"})
    parameters: Mapping[str, ParameterSpec] = field(default_factory=lambda: MappingProxyType({}))

    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - it takes none
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,  # noqa: ARG002
    ) -> tuple[str, ...]:
        marks = _marks(host)
        before = [argv for mark in marks for argv in (mark.possible, mark.look) if argv]
        return tuple(map(shlex.join, (*before, *(mark.set_argv for mark in marks), *(mark.look for mark in marks))))

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedMarks:  # noqa: ARG002
        marks = _marks(target.host)
        connection = connect(target)
        try:
            for mark in marks:
                _refuse_unless_it_works(mark, connection)
        except BaseException:
            connection.close()
            raise
        return PreparedMarks(marks, connection)

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],  # noqa: ARG002
        before: Mapping[str, str],  # noqa: ARG002 - what is set is set, whoever did it
        connect: Connect,
        attempt: Attempted,  # noqa: ARG002
    ) -> Result:
        try:
            marks = _marks(target.host)
            connection = connect(target)
        except (CannotAct, CannotReach) as error:
            return Result(StepOutcome.UNKNOWN, f"could not look whether it is arranged: {error}")
        try:
            return _seen(marks, connection, "")
        except CannotReach as error:
            return Result(StepOutcome.UNKNOWN, f"could not look whether it is arranged: {error}")
        finally:
            connection.close()


def _refuse_unless_it_works(mark: _Mark, connection: Connection) -> None:
    try:
        if mark.possible and (ran := connection.run(mark.possible, LOOK_TIMEOUT_S)).exit_status != 0:
            raise CannotReach(f"{shlex.join(mark.possible)}: {words(ran)}")
        mark.found(connection)
    except CannotReach as error:
        right = f"ext file systems named in the inventory, or an entry {ENTRY} in GRUB's menu"
        raise CannotAct(f"no check can be arranged for the next boot ({error}); would be right: {right}") from error


FSCK_AT_BOOT = FsckAtBoot()
