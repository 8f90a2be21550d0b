"""What the watcher needs of the world beside the network. Whoever runs it fills this in with the store."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from domain.commands import Look
from domain.events import VerdictChanged, WatcherCutOff
from domain.model import Policy
from domain.observation import Limit, Observation, Verdict
from probes.spec import Heard


class Known(NamedTuple):
    """What a check last meant, as the store has it; ``fault_at_s`` where it was a fault, ``limit`` where it has passed one."""

    verdict: Verdict
    fault_at_s: float | None
    limit: Limit | None = None


class Looked(NamedTuple):
    """A ``Look`` command was carried out: what was seen, by check id."""

    key: str
    seen: Mapping[str, Observation]


Seen = tuple[str, float, Observation]
"""What one look at a check saw, and when it ended."""


class DeskAway(Exception):  # noqa: N818 - a state of affairs: the same call may succeed later
    """The store can't be used just now; nothing was written."""


class Desk(Protocol):
    """Every method but ``keep`` may raise ``DeskAway``."""

    def keep(self, seen: list[Seen]) -> None:
        """Each look since the last call, for the record (P10): handed over at once, and written when that can be."""
        ...

    def rung(self) -> bool:
        """Has anything been written since the last call? Asked some times a second."""
        ...

    def policy(self) -> Policy | None:
        """The inventory that holds now; the same object as long as it is the same version."""
        ...

    def known(self) -> Mapping[str, Known]:
        """The last verdicts by check id; those never looked at are absent."""
        ...

    def heard(self) -> Mapping[str, Sequence[Heard]]:
        """What others said of checks that only listen, by check id."""
        ...

    def take_looks(self) -> Sequence[Look]:
        """Claim what is asked to be looked at now."""
        ...

    def write(self, changes: Sequence[VerdictChanged | WatcherCutOff], looked: Sequence[Looked]) -> None:
        """In one transaction: first the changes of verdict, then the looks that are done, so that whoever waits for a look finds
        the verdict in the inbox already. A change that was written before is not written again."""
        ...

    def beat(self, lag_ms: float) -> None:
        """Still alive; ``lag_ms``: how late the latest look since the last beat began."""
        ...
