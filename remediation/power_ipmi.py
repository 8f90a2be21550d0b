"""IPMI 2.0 over the network, by ``ipmitool`` (docs/adr explains why not by a library). It logs in as an operator, no more."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import PowerControl
from probes.bmc_words import ipmi_faults, ipmi_lines, ipmi_reason
from remediation.action import CannotReach, Connect, Guard, NoWay, Target
from remediation.power_driver import DISK, Answer, Order, Seen

_LOOK_TIMEOUT_S, _ORDER_TIMEOUT_S = 30.0, 20.0
_MAX_OUTPUT_BYTES = 64 * 1024
_PORT = 623
_LOOK = ("chassis", "status")
_PATIENT = ("-N", "1", "-R", "2")
_ONCE = ("-N", "3", "-R", "1")
"""An order is one datagram: sent again because its answer was lost, a BMC might carry it out twice."""


_NO_LOGIN = "Unable to establish"


_NO_LOGIN = "Unable to establish"


_NO_LOGIN = "Unable to establish"


def ipmi_argv(control: PowerControl, pace: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """The command on this machine. The password comes by the environment (``-E``)."""
    where = ("-H", control.address, "-p", str(control.port or _PORT), "-U", control.user, "-E", "-L", "OPERATOR")
    # Cipher suite 3: the one every BMC has; without it ipmitool asks for the list first, for 10 s on some.
    return ("ipmitool", "-v", "-I", "lanplus", "-C", "3", *where, *pace, *words)


def _boot_words(device: str) -> tuple[str, ...]:
    return ("chassis", "bootdev", "none") if device == DISK else ("chassis", "bootdev", device, "options=persistent")


def _order_words(order: Order) -> tuple[str, ...]:
    return ("chassis", "power", str(order))


@dataclass(frozen=True, slots=True)
class _Ended:
    status: int | None
    stdout: str
    stderr: str


class _Session:
    def __init__(self, control: PowerControl, password: str) -> None:
        self._control = control
        self._password = password

    def look(self) -> Seen:
        ended = self._run(ipmi_argv(self._control, _PATIENT, _LOOK), _LOOK_TIMEOUT_S)
        if ended.status != 0:
            raise CannotReach(f"the BMC at {self._control.address}: {_why(ended)}")
        return read_status(ended.stdout)

    def boot_from(self, device: str, guard: Guard) -> Answer:
        return self._order(_boot_words(device), guard)

    def switch(self, order: Order, guard: Guard) -> Answer:
        return self._order(_order_words(order), guard)

    def close(self) -> None:
        """Each command logs in and out by itself."""

    def _order(self, words: tuple[str, ...], guard: Guard) -> Answer:
        argv = ipmi_argv(self._control, _ONCE, words)
        line = shlex.join(argv)
        guard()
        ended = self._run(argv, _ORDER_TIMEOUT_S)
        if ended.status == 0:
            return Answer(True, "the BMC accepted it", line)
        if _NO_LOGIN in ended.stderr:
            return Answer(False, f"the BMC was not told: {_why(ended)}", line, sent=False)
        # "… failed: REASON" is the BMC's own completion code; anything else leaves open whether it heard the order.
        refused = " failed: " in ended.stderr
        return Answer(False if refused else None, f"the BMC {'refused' if refused else 'did not confirm'} it: {_why(ended)}", line)

    def _run(self, argv: tuple[str, ...], timeout_s: float) -> _Ended:
        environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "IPMI_PASSWORD": self._password}
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                done = subprocess.run(
                    argv, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout_s, check=False
                )
            except FileNotFoundError:
                return _Ended(127, "", "Unable to establish: no ipmitool on this machine; with Debian: apt-get install ipmitool")
            except subprocess.TimeoutExpired:
                return _Ended(None, "", f"no end within {timeout_s:g} s")
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read(_MAX_OUTPUT_BYTES).decode(errors="replace"))
            return _Ended(done.returncode, *texts)


def read_status(text: str) -> Seen:
    """The output of ``chassis status``."""
    said = ipmi_lines(text)
    return Seen({"on": True, "off": False}.get(said.get("System Power", "")), ", ".join(ipmi_faults(said)) or "no fault")


def _why(ended: _Ended) -> str:
    if ended.status == 127:
        return ended.stderr.partition(": ")[2]
    if (known := ipmi_reason(ended.stderr)) is not None:
        return known
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit status {ended.status}"


@dataclass(frozen=True, slots=True)
class Ipmi:
    """``system`` is not asked for: a BMC is one machine's. It keeps no trace of restarts that all BMCs would tell alike."""

    name: str = "ipmi"
    keys: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({"port": False, "user": True, "password": True}))
    boots: frozenset[str] = frozenset({"pxe", "cdrom", "safe", "diag", "floppy"})
    port: int = _PORT
    numbers: bool = True
    orders: frozenset[Order] = frozenset(Order)
    traces: frozenset[Order] = frozenset()

    def looks(self, control: PowerControl) -> tuple[str, ...]:
        return (shlex.join(ipmi_argv(control, _PATIENT, _LOOK)),)

    def describe(self, control: PowerControl, order: Order, device: str | None) -> tuple[str, ...]:
        looks = self.looks(control)
        orders = [_boot_words(device)] if device is not None else []
        orders.append(_order_words(order))
        return (*looks, *(shlex.join(ipmi_argv(control, _ONCE, words)) for words in orders), *looks)

    # The BMC is reached from here, not by a login.
    def open(self, target: Target, control: PowerControl, connect: Connect) -> _Session:  # noqa: ARG002
        return _Session(control, password(target, control))


def password(target: Target, control: PowerControl) -> str:
    """The secret behind the reference. Nothing of it gets into an error. Raises ``CannotReach``."""
    reference = control.password
    if reference is None:
        raise NoWay("the inventory names no password for the power control")
    try:
        return target.resolve(reference)
    except (LookupError, OSError, ValueError) as error:
        raise CannotReach(f"the password ({reference.kind} {reference.name}) is not to be had: {error}") from error


IPMI = Ipmi()
