"""Check and repair file systems from a host's rescue system, where none of them is in use (R21)."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from domain.model import FileSystem, Host
from domain.procedure import Effect, Parameter, StepOutcome
from remediation import lasting
from remediation.action import NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Result, Target
from remediation.checked import Checked, checked
from remediation.host import LOOK_TIMEOUT_S, probes, words
from remediation.lasting import Lasting, PreparedUnit
from runbooks.spec import ParameterSpec


@dataclass(frozen=True, slots=True)
class Check:
    """How file systems of one type are checked: the command to which the device is added, the exit statuses after which the file
    system is good, and what another one means."""

    command: str
    good: str
    left: str


_EXT = Check("e2fsck -f -y", "0 1 2", "errors were left")  # e2fsck(8): 1 and 2 are "errors corrected"
CHECKS: Mapping[str, Check] = MappingProxyType({
    "ext2": _EXT,
    "ext3": _EXT,
    "ext4": _EXT,
    # Never -L, which throws a dirty log away: what it says then is for a person.
    "xfs": Check("xfs_repair", "0", "not repaired; 2: its log must be replayed by mounting it"),
    "vfat": Check("fsck.vfat -a", "0 1", "errors were left"),
    # Its --repair may make things worse; a person decides.
    "btrfs": Check("btrfs check --readonly", "0", "it has errors, and is repaired by a person only"),
})  # fmt: skip

SCRIPT = (
    "LC_ALL=C; export LC_ALL; worst=0; "
    'while [ "$#" -ge 3 ]; do device=$1; command=$2; good=$3; shift 3; '
    'findmnt -n -S "$device"; mounted=$?; '
    'if [ "$mounted" -ne 1 ]; then echo "== $device: left alone: mounted, or nobody can tell"; worst=8; continue; fi; '
    'echo "== $device: $command"; $command "$device" </dev/null 2>&1; status=$?; echo "== $device: exit $status"; '
    'case " $good " in *" $status "*) ;; *) worst=4 ;; esac; done; exit "$worst"'
)
"""Checks one file system after the other; never one that is mounted. Exit status: 0, all are good; 4, of one at least the check
says that it is not; 8, one at least was left alone."""

_LSBLK = ("lsblk", "--pairs", "--paths", "--output=NAME,FSTYPE,MOUNTPOINT")
_PAIR = re.compile(r'([A-Z]+)="([^"]*)"')
_DEVICE = re.compile(r"/[A-Za-z0-9][A-Za-z0-9@._:/+=-]{0,254}", re.ASCII)
_MAX = 32
FOUND = "filesystems"
"""In ``before``: what was found, as ``device type`` lines."""

OUTPUT = "output of the file system check"
"""What is kept with the incident."""


def _rescue(host: Host) -> Host:
    """The rescue system as a host to log in to."""
    if host.rescue is None:
        raise CannotAct("the inventory names no rescue system of this host")
    return replace(host, address=host.rescue.address or host.address, ssh=host.rescue.ssh)


def _lasting(host: Host, found: Sequence[FileSystem]) -> Lasting:
    words = [word for item in found for word in (item.device, CHECKS[item.type].command, CHECKS[item.type].good)]
    argv = ("/bin/sh", "-c", SCRIPT, "fsck", *words)
    return Lasting(argv, OUTPUT, _judge(found), _rescue(host).ssh)


def _judge(found: Sequence[FileSystem]) -> lasting.Judge:
    kinds = {item.device: item.type for item in found}

    def judge(status: int, output: str) -> tuple[StepOutcome, str]:
        said = [_said(item, kinds.get(item.device, "")) for item in checked(output)]
        return StepOutcome.DONE if status == 0 else StepOutcome.FAILED, "; ".join(said) or f"exit status {status}"

    return judge


def _said(item: Checked, kind: str) -> str:
    """What became of one file system, in one line."""
    if item.status is None:
        return f"{item.device} left alone: {item.why}"
    counts = (
        (item.corrected, "corrected"),
        (item.cleared, "inodes cleared"),
        (len(item.lost), "directory entries lost"),
        (item.found, "put into lost+found"),
    )
    told = ", ".join(f"{count} {what}" for count, what in counts if count)
    if well(item, kind):
        return f"{item.device} ({kind}): {told or ('clean' if item.status == 0 else 'repaired')}"
    return f"{item.device} ({kind}): exit status {item.status}, {CHECKS[kind].left}" + (f" ({told})" if told else "")


def well(item: Checked, kind: str) -> bool:
    """Does the check say that the file system, of this type, is good now?"""
    return item.status is not None and (kind not in CHECKS or str(item.status) in CHECKS[kind].good.split())


def found_before(before: Mapping[str, str]) -> tuple[FileSystem, ...]:
    """What an attempt set out to check, from its ``before``."""
    lines = (line.split(" ") for line in before.get(FOUND, "").splitlines())
    return tuple(FileSystem(device, kind) for device, kind in lines)


def named(host: Host) -> tuple[FileSystem, ...]:
    """What the inventory names, as far as it may be checked. Raises ``CannotAct``."""
    for item in host.filesystems:
        if item.type not in CHECKS or _DEVICE.fullmatch(item.device) is None:
            raise CannotAct(f"{item.device} ({item.type}) is none that can be checked; would be right: one of {', '.join(CHECKS)}")
    return host.filesystems


def _find(connection: Connection) -> tuple[FileSystem, ...]:
    """All that the rescue system sees, of types that can be checked, and does not use itself."""
    ran = connection.run(_LSBLK, LOOK_TIMEOUT_S)
    if ran.exit_status != 0:
        raise CannotAct(f"could not find out which file systems there are: {words(ran)}")
    seen = [dict(_PAIR.findall(line)) for line in ran.stdout.splitlines()]
    free = [row for row in seen if row.get("FSTYPE") in CHECKS and not row.get("MOUNTPOINT") and _DEVICE.fullmatch(row["NAME"])]
    found = tuple(FileSystem(row["NAME"], row["FSTYPE"]) for row in {row["NAME"]: row for row in free}.values())
    if not found:
        raise CannotAct(f"there is no file system that can be checked; would be right: one of {', '.join(CHECKS)}, not mounted")
    if len(found) > _MAX:
        raise CannotAct(f"there are too many file systems (got {len(found)}); name at most {_MAX} in the inventory")
    return found


@dataclass(frozen=True, slots=True)
class Fsck:
    """``e2fsck``, ``xfs_repair`` … of the host's file systems, as one unit of the rescue system's."""

    name: str = "fsck"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"disks"})
    parameters: Mapping[str, ParameterSpec] = field(default_factory=lambda: MappingProxyType({}))

    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - it takes none
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,  # noqa: ARG002 - of the host itself, not of its rescue system
    ) -> tuple[str, ...]:
        found = named(host)
        if found:
            return _lasting(host, found).describe(NOTHING)
        _rescue(host)
        example = f"{CHECKS['ext4'].command} DEVICE"
        return (*map(shlex.join, (*probes(NOTHING), _LSBLK)), f"# then, by type, for each that is not mounted: {example} …")

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedUnit:  # noqa: ARG002
        rescue = _target(target)
        found = named(target.host)
        connection = lasting.login(rescue, connect)
        try:
            found = found or _find(connection)
        except BaseException:
            connection.close()
            raise
        before = {FOUND: "\n".join(f"{item.device} {item.type}" for item in found)}
        return PreparedUnit(_lasting(target.host, found), rescue, connection, before)

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],  # noqa: ARG002
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        try:
            return lasting.settle(_target(target), connect, _lasting(target.host, found_before(before)), attempt)
        except (CannotAct, CannotReach) as error:
            return Result(StepOutcome.UNKNOWN, f"could not look what became of the file system check: {error}")


def _target(target: Target) -> Target:
    """The rescue system: nothing that is known of the host is true of it, nor the other way round."""
    return replace(target, host=_rescue(target.host), known=NOTHING, remember=lambda _name, _value: None)


FSCK = Fsck()
