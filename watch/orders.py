"""What runs have asked to be looked at, and what was seen of it so far."""

from collections.abc import Collection

from domain.commands import Look
from domain.observation import Observation, unknown
from watch.desk import Looked


class Orders:
    """``done`` are those whose checks were all looked at, for the desk to take."""

    def __init__(self) -> None:
        self._under_way: dict[str, dict[str, Observation | None]] = {}
        self.done: list[Looked] = []

    def take(self, order: Look, known: Collection[str]) -> None:
        """``known``: those of its checks that there are; of the others nothing will be seen."""
        nothing = unknown("the inventory has no such check")
        self._under_way[order.key] = {check: None if check in known else nothing for check in order.checks}
        self._settle(order.key)

    def answer(self, key: str, check: str, seen: Observation) -> None:
        """A look at one of its checks has ended."""
        if seen.told_only:  # nothing that a run may conclude anything of the host from
            seen = unknown(seen.detail)
        self._under_way[key][check] = seen
        self._settle(key)

    def _settle(self, key: str) -> None:
        seen = {check: one for check, one in self._under_way[key].items() if one is not None}
        if len(seen) == len(self._under_way[key]):
            del self._under_way[key]
            self.done.append(Looked(key, seen))
