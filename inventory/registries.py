"""What an inventory is read against: handed in, so that this room knows no kind of check and no runbook by itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from probes.spec import Spec

MailExchangers = Callable[[str], Collection[str]]
"""The host names that receive mail for a domain; empty where that can't be found out. It must not raise."""


class PowerSpec(Protocol):
    """A kind of power control: the keys that say where it is, true where they must, and the devices it can boot a rescue system
    from."""

    @property
    def name(self) -> str: ...

    @property
    def keys(self) -> Mapping[str, bool]: ...

    @property
    def boots(self) -> Collection[str]: ...


@dataclass(frozen=True, slots=True)
class Registries:
    """``probes`` by kind (``probes.PROBES``), ``runbooks`` the ids of known procedures, ``power`` by driver
    (``remediation.POWER_DRIVERS``)."""

    probes: Mapping[str, Spec]
    runbooks: Collection[str]
    power: Mapping[str, PowerSpec]
