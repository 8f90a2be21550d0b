"""What switches a host's power from outside (R21): what every kind of BMC and hypervisor offers, whatever it is spoken to in."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from domain import procedure
from domain.model import PowerControl
from remediation.action import Connect, Guard, Target

DISK = procedure.DISK
"""The device word for what the machine boots ordinarily; every driver knows it."""


class Order(StrEnum):
    """``CYCLE`` takes the power away and gives it back, ``RESET`` is the reset line; neither shuts anything down."""

    ON = "on"
    OFF = "off"
    CYCLE = "cycle"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a power control says. ``on`` is ``None`` where it doesn't say; ``health`` the status lamp (R21) in words; ``trace``
    changes with every (re)start that it knows of, and is empty where it keeps none."""

    on: bool | None
    health: str
    trace: str = ""

    @property
    def state(self) -> str:
        return {True: "on", False: "off", None: "in no state it tells"}[self.on]


@dataclass(frozen=True, slots=True)
class Answer:
    """To an order. ``accepted`` is ``None`` where nobody knows: it may be done, or not. Not ``sent``: it was never heard.
    ``line`` is what was sent, as ``describe`` tells it."""

    accepted: bool | None
    said: str
    line: str
    sent: bool = True


class PowerSession(Protocol):
    """A way to one power control. Use from one thread."""

    def look(self) -> Seen:
        """Raises ``CannotReach``: no answer, the password is wrong, no such machine there …"""
        ...

    def boot_from(self, device: str, guard: Guard) -> Answer:
        """Boot from this device from now on, until told otherwise. Never raises but what ``guard`` does."""
        ...

    def switch(self, order: Order, guard: Guard) -> Answer:
        """Give the order, once; what ``guard``, called when only the sending is missing, raises is raised. Returns when the order
        is taken, not when it is carried out."""
        ...

    def close(self) -> None:
        """Repeatable."""
        ...


class PowerDriver(Protocol):
    """A kind of power control. ``keys`` are what the inventory says for it, true where it must; ``port`` where it is by default;
    ``boots`` the devices it can boot a rescue system from; ``orders`` what it can do; ``traces`` those of them after which
    ``Seen.trace``, where it is told, is another; ``numbers``: a machine's name there may be a number, and then means no other."""

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> Mapping[str, bool]: ...

    @property
    def port(self) -> int: ...

    @property
    def boots(self) -> frozenset[str]: ...

    @property
    def numbers(self) -> bool: ...

    @property
    def orders(self) -> frozenset[Order]: ...

    @property
    def traces(self) -> frozenset[Order]: ...

    def looks(self, control: PowerControl) -> tuple[str, ...]:
        """The exact lines of a first look. Raises ``CannotAct``."""
        ...

    def describe(self, control: PowerControl, order: Order, device: str | None) -> tuple[str, ...]:
        """The exact lines of: look, boot from ``device`` where one is given, order, look."""
        ...

    def open(self, target: Target, control: PowerControl, connect: Connect) -> PowerSession:
        """Raises ``CannotReach``, and ``CannotAct`` where the inventory says what can't be."""
        ...
