"""What an inventory is read against: handed in, so that this room knows no kind of check and no runbook by itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from domain.procedure import Procedure
from probes.spec import Spec
from runbooks.spec import ActionSpec

MailExchangers = Callable[[str], Collection[str]]
"""The host names that receive mail for a domain; empty where that can't be found out. It must not raise."""


class PowerSpec(Protocol):
    """A kind of power control: the keys that say where it is, true where they must, its port by default, the devices it can boot a
    rescue system from, and whether a machine's name there may be a number."""

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> Mapping[str, bool]: ...

    @property
    def port(self) -> int: ...

    @property
    def boots(self) -> Collection[str]: ...

    @property
    def numbers(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Registries:
    """``probes`` by kind (``probes.PROBES``), ``runbooks`` the procedures that are known by id, ``power`` by driver
    (``remediation.POWER_DRIVERS``), ``actions`` what the inventory's own runbooks may have done (``remediation.ACTIONS``)."""

    probes: Mapping[str, Spec]
    runbooks: Mapping[str, Procedure]
    power: Mapping[str, PowerSpec]
    actions: Mapping[str, ActionSpec] = field(default_factory=lambda: MappingProxyType({}))
