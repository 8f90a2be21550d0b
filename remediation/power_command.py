"""Hypervisors, by their own commands over SSH: libvirt (``virsh``), Proxmox VE (``qm``), Xen (``xl``). One table of argv each."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from domain.model import PowerControl
from remediation.action import CannotAct, CannotReach, Connect, Connection, Guard, Ran, Target
from remediation.power_driver import Answer, Order, Seen

_LOOK_TIMEOUT_S, _ORDER_TIMEOUT_S = 15.0, 30.0
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}", re.ASCII)
_KILLED = 128
_XL_COLUMNS = 6

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    """``look`` and ``acts`` have the domain's name put in where ``NAME`` stands. ``read`` takes that name and what the looks
    printed; an order of two commands is given up after the first where that fails. Without ``numbers`` a number is taken for the id
    of a machine that runs, before any name."""

    look: tuple[Argv, ...]
    read: Callable[[str, str], Seen]
    acts: Mapping[Order, tuple[Argv, ...]]
    numbers: bool = False


_NAME = "NAME"


def read_virsh(_: str, stdout: str) -> Seen:
    """``virsh domid``: the id, which each start makes anew, or ``-`` for a domain that is off: the same in every language. Then
    ``virsh domstate --reason``, for people."""
    number, _, words = stdout.strip().partition("\n")
    health = " ".join(words.split())[:100] or "not told"
    if number == "-":
        return Seen(False, health)
    return Seen(True if number.isdigit() else None, health, number if number.isdigit() else "")


def read_qm(_: str, stdout: str) -> Seen:
    """``qm status --verbose``: ``key: value`` lines; ``pid`` is that of the machine's own process."""
    said = dict(line.strip().split(": ", 1) for line in stdout.splitlines() if ": " in line)
    on = {"running": True, "stopped": False}.get(said.get("status", ""))
    return Seen(on, said.get("qmpstatus") or said.get("status") or "not told", said.get("pid", ""))


def read_xl(name: str, stdout: str) -> Seen:
    """``xl list``: Name, ID, Mem, VCPUs, State, Time(s); a domain that is off is in no line."""
    lines = [line.split() for line in stdout.splitlines()]
    if not lines or lines[0][:2] != ["Name", "ID"]:
        return Seen(None, "not told")
    row = next((words for words in lines[1:] if len(words) == _XL_COLUMNS and words[0] == name), None)
    if row is None:
        return Seen(False, "no such domain is running")
    return Seen(True, "crashed" if "c" in row[4] else f"state {row[4]}", row[1])


_VIRSH = ("virsh", "--connect", "qemu:///system")
_CONFIG = "/etc/xen/NAME.cfg"
TABLES: Mapping[str, _Table] = MappingProxyType(
    {
        "virsh": _Table(
            look=((*_VIRSH, "domid", _NAME), (*_VIRSH, "domstate", _NAME, "--reason")),
            read=read_virsh,
            acts={
                Order.ON: ((*_VIRSH, "start", _NAME),),
                Order.OFF: ((*_VIRSH, "destroy", _NAME),),
                Order.CYCLE: ((*_VIRSH, "destroy", _NAME), (*_VIRSH, "start", _NAME)),
                Order.RESET: ((*_VIRSH, "reset", _NAME),),
            },
        ),
        "qm": _Table(
            look=(("qm", "status", _NAME, "--verbose"),),
            read=read_qm,
            acts={
                Order.ON: (("qm", "start", _NAME),),
                Order.OFF: (("qm", "stop", _NAME),),
                Order.CYCLE: (("qm", "stop", _NAME), ("qm", "start", _NAME)),
                Order.RESET: (("qm", "reset", _NAME),),
            },
            numbers=True,
        ),
        "xl": _Table(
            look=(("xl", "list"),),
            read=read_xl,
            acts={
                Order.ON: (("xl", "create", _CONFIG),),
                Order.OFF: (("xl", "destroy", _NAME),),
                Order.CYCLE: (("xl", "destroy", _NAME), ("xl", "create", _CONFIG)),
            },
        ),
    }
)
"""Without ``xl``'s reset: its trigger does nothing on x86."""


def hypervisor_argv(control: PowerControl) -> Mapping[str, tuple[Argv, ...]]:
    """What is run on the hypervisor for this machine: to look, and for each order. As root by sudo rules for exactly these."""
    table = TABLES[control.driver]
    if _SYSTEM.fullmatch(control.system) is None:
        raise CannotAct(f"{control.system!r} is no domain name: letters, digits and . _ + - after the first")
    if control.system.isdecimal() and not table.numbers:
        raise CannotAct(f"{control.driver} takes {control.system!r} for the id of a machine, which another one may have; name it")
    root = control.ssh is not None and control.ssh.user == "root"

    def filled(argv: Argv) -> Argv:
        words = tuple(word.replace(_NAME, control.system) for word in argv)
        return words if root else ("sudo", "-n", *words)

    acts = {str(order): tuple(filled(argv) for argv in argvs) for order, argvs in table.acts.items()}
    return {"look": tuple(map(filled, table.look)), **acts}


def hypervisor_lines(control: PowerControl) -> tuple[str, ...]:
    """All that may be run on a hypervisor for this machine; nothing where it is switched otherwise."""
    if control.driver not in TABLES:
        return ()
    return tuple(dict.fromkeys(shlex.join(words) for argvs in hypervisor_argv(control).values() for words in argvs))


class _Session:
    def __init__(self, control: PowerControl, argv: Mapping[str, tuple[Argv, ...]], connection: Connection) -> None:
        self._control = control
        self._argv = argv
        self._connection = connection

    def look(self) -> Seen:
        printed = []
        for argv in self._argv["look"]:
            ran = self._connection.run(argv, _LOOK_TIMEOUT_S)
            if ran.exit_status != 0:
                raise CannotReach(f"the hypervisor at {self._control.address}: {shlex.join(argv)}: {_words(ran)}")
            printed.append(ran.stdout)
        return TABLES[self._control.driver].read(self._control.system, "".join(printed))

    def boot_from(self, device: str, guard: Guard) -> Answer:  # noqa: ARG002 - others can
        return Answer(False, f"{self._control.driver} can't set what is booted", "", sent=False)

    def switch(self, order: Order, guard: Guard) -> Answer:
        answers: list[Answer] = []
        for argv in self._argv[str(order)]:
            # Only the first is asked for leave: between the two the machine is off, and must not stay so.
            ran = self._connection.run(argv, _ORDER_TIMEOUT_S, guard if not answers else None)
            answers.append(_answer(ran))
            if not answers[-1].accepted:
                break
        line = " && ".join(answer.line for answer in answers)
        last = answers[-1]
        if len(answers) > 1 and not last.accepted:
            return Answer(last.accepted, f"it was switched off, and then: {last.said}", line)
        return Answer(last.accepted, last.said, line, last.sent)

    def close(self) -> None:
        self._connection.close()


def _answer(ran: Ran) -> Answer:
    line = shlex.join(ran.argv)
    if not ran.sent:
        return Answer(False, ran.detail, line, sent=False)
    if ran.exit_status == 0:
        return Answer(True, "the hypervisor did it", line)
    lost = ran.exit_status is None or ran.exit_status > _KILLED
    return Answer(None if lost else False, f"on the hypervisor: {_words(ran)}", line)


def _words(ran: Ran) -> str:
    said = " ".join((ran.stderr or ran.stdout).split())[:300]
    return ": ".join(filter(None, (ran.detail or f"exit status {ran.exit_status}", said)))


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """``name`` is a key of ``TABLES``. A rescue system can't be booted: their configuration decides what a machine boots."""

    name: str
    keys: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({"system": True, "ssh": True}))
    port: int = 22
    boots: frozenset[str] = frozenset()
    traces: frozenset[Order] = frozenset({Order.ON, Order.CYCLE})

    @property
    def numbers(self) -> bool:
        return TABLES[self.name].numbers

    @property
    def orders(self) -> frozenset[Order]:
        return frozenset(TABLES[self.name].acts)

    def looks(self, control: PowerControl) -> tuple[str, ...]:
        return tuple(map(shlex.join, hypervisor_argv(control)["look"]))

    # No rescue system can be booted.
    def describe(self, control: PowerControl, order: Order, device: str | None) -> tuple[str, ...]:  # noqa: ARG002
        looks = self.looks(control)
        return (*looks, *map(shlex.join, hypervisor_argv(control)[str(order)]), *looks)

    def open(self, target: Target, control: PowerControl, connect: Connect) -> _Session:
        argv = hypervisor_argv(control)
        there = replace(target, host=replace(target.host, address=control.address, address6=None, ssh=control.ssh))
        try:
            return _Session(control, argv, connect(there))
        except CannotReach as error:
            raise type(error)(f"the hypervisor at {control.address}: {error}") from error


HYPERVISORS = tuple(Hypervisor(name) for name in TABLES)
