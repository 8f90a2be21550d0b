"""What an inventory is read against: handed in, so that this room knows no kind of check and no runbook by itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from probes.spec import Spec

MailExchangers = Callable[[str], Collection[str]]
"""The host names that receive mail for a domain; empty where that can't be found out. It must not raise."""


@dataclass(frozen=True, slots=True)
class Registries:
    """``probes`` by kind (``probes.PROBES``), ``runbooks`` the ids of known procedures."""

    probes: Mapping[str, Spec]
    runbooks: Collection[str]
