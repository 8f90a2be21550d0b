"""All segments that have anchors, and who sees through them (C51, C52)."""

from collections.abc import Callable, Mapping
from functools import partial
from uuid import uuid4

from domain.events import WatcherCutOff
from domain.model import Policy, Segment
from domain.ports import Clock
from probes.spec import Listen
from watch.looking import Looking
from watch.sight import Sight
from watch.watched import Watched


class Sights:
    """``turned`` hears at once of a segment that is cut off or seen again, ``notice`` what people should know of it."""

    def __init__(
        self, driver: Looking, clock: Clock, turned: Callable[[str, bool], None], notice: Callable[[WatcherCutOff], None]
    ) -> None:
        self._driver, self._clock, self._turned, self._notice = driver, clock, turned, notice
        self._of: dict[str, Sight] = {}

    def next_s(self) -> float | None:
        """When the next anchor wants to be looked at (boottime), unless it is being."""
        return min((at_s for sight in self._of.values() if (at_s := sight.next_s) is not None), default=None)

    def cut_off(self, segment: str) -> bool:
        return segment in self._of and self._of[segment].cut_off

    def turn(self) -> None:
        for sight in self._of.values():
            sight.turn()

    def adopt(self, policy: Policy, checks: Mapping[str, Watched]) -> None:
        """Each segment by its anchors; those that stayed the same keep what they know."""
        former, self._of = self._of, {}
        for segment in policy.segments.values():
            if segment.anchors:
                before = former.pop(segment.id, None)
                same = before if before is not None and before.segment == segment else None
                self._of[segment.id] = same or self._sight(segment, before)
        for gone in former.values():
            gone.retire()
        for host in policy.hosts.values():
            for item in [checks[check.id] for check in host.checks]:
                # what others say of a check does not come through the watcher's network
                item.sight = self._of.get(host.segment) if not isinstance(item.spec.way, Listen) else None

    def _sight(self, segment: Segment, former: Sight | None) -> Sight:
        made = Sight(segment, self._driver, self._clock, partial(self._turned, segment.id), partial(self._tell, segment))
        if former is not None:
            made.take_over(former)
        return made

    def _tell(self, segment: Segment, cut_off: bool, silent: int) -> None:
        self._notice(
            WatcherCutOff(
                id=f"sight/{segment.id}/{uuid4().hex}",
                at_s=self._clock.now_s(),
                watcher=segment.watcher,
                segment=segment.id,
                cut_off=cut_off,
                silent=silent,
                anchors=len(segment.anchors),
            )
        )
