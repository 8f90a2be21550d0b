"""Does the watcher see a segment at all? Judged by its anchors, so that its own trouble is nobody's outage (C52)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from domain.model import Segment
from domain.observation import Observation, Verdict, unknown, up
from domain.ports import Clock
from probes.spec import Dialogue, Echo
from watch.looking import Looking

log = logging.getLogger(__name__)

TIMEOUT_S = 2.0
"""Of one anchor's answer: failing looks wait as long where the anchors are silent too."""
EVERY_S = 0.5
"""From one round to the next while looks wait for one."""
IDLE_S = 10.0
CUT_OFF_S = 2.0
"""From one round to the next while nothing waits: in sight, and cut off."""
TOLD_AFTER_S = 10.0
"""What lasts shorter is in the record of the checks that it touched, and wakes nobody."""

Told = Callable[[Observation], None]


@dataclass(slots=True, eq=False)
class Held:
    """A failing look that waits for the next round; ``dropped``: nobody wants to know any more."""

    seen: Observation
    tell: Told
    dropped: bool = False

    def end(self, means: Observation) -> None:
        if not self.dropped:
            self.tell(means)


@dataclass(slots=True)
class _Round:
    """``proves``: whose looks it decides on; ``flights``: of the anchors that have not answered yet; ``silent``: that won't."""

    proves: list[Held]
    flights: dict[str, Any] = field(default_factory=dict)
    silent: int = 0


class Sight:
    """Of one segment. Cut off: more than half of its anchors did not answer in one round. ``changed`` is called when that begins
    and when it ends; ``notice``, with how many were silent, when the operators should know."""

    def __init__(
        self, segment: Segment, driver: Looking, clock: Clock, changed: Callable[[bool], None], notice: Callable[[bool, int], None]
    ) -> None:
        self.segment = segment
        self.cut_off = False
        self._driver, self._clock, self._changed, self._notice = driver, clock, changed, notice
        self._held: list[Held] = []
        self._round: _Round | None = None
        self._next_s = self._clock.boottime_s()
        self._ended_s = self._cut_off_s = 0.0
        self._told = False

    @property
    def next_s(self) -> float | None:
        """When it wants its ``turn`` (boottime); ``None`` while a round is under way."""
        return self._next_s if self._round is None else None

    def prove(self, seen: Observation, tell: Told) -> Held:
        """A look has failed: ``tell`` what it means once a round that begins now or later has ended."""
        held = Held(seen, tell)
        self._held.append(held)
        if self._round is None:
            self._next_s = min(self._next_s, self._ended_s + EVERY_S)
        return held

    def take_over(self, former: "Sight") -> None:
        """From one with other anchors: what it held, and whether it was cut off, so that the end of that is told."""
        self._held += former.close()
        self.cut_off, self._cut_off_s, self._told = former.cut_off, former._cut_off_s, former._told

    def retire(self) -> None:
        """The segment has no anchors any more: whatever is seen there is believed."""
        for held in self.close():
            held.end(held.seen)
        if self.cut_off:
            self.cut_off = False
            self._changed(False)
        if self._told:
            self._told = False
            self._notice(False, 0)

    def turn(self) -> None:
        """Begin a round if its time has come."""
        if self._round is not None or self._clock.boottime_s() < self._next_s:
            return
        self._round = begun = _Round(self._held)
        self._held = []
        for anchor in self.segment.anchors:
            begun.flights[anchor] = self._driver.look(partial(_ping, anchor), TIMEOUT_S, partial(self._landed, begun, anchor))

    def close(self) -> list[Held]:
        """What is held by then."""
        held = self._held + (self._give_up(self._round) if self._round is not None else [])
        self._round, self._held = None, []
        return held

    def _landed(self, begun: _Round, anchor: str, seen: Observation) -> None:
        del begun.flights[anchor]
        begun.silent += seen.verdict is not Verdict.UP
        anchors = len(self.segment.anchors)
        answered = anchors - begun.silent - len(begun.flights)
        if begun.silent * 2 > anchors:
            self._ended(begun, cut_off=True, why=seen.detail)
        elif answered * 2 >= anchors:
            self._ended(begun, cut_off=False, why="")

    def _ended(self, ended: _Round, *, cut_off: bool, why: str) -> None:
        boot_s = self._ended_s = self._clock.boottime_s()
        proved, self._round = self._give_up(ended), None
        self._next_s = boot_s + (EVERY_S if self._held else CUT_OFF_S if cut_off else IDLE_S)
        turned, self.cut_off = cut_off is not self.cut_off, cut_off
        if turned:
            words = (self.segment.id, ended.silent, len(self.segment.anchors))
            log.warning("segment %s: %d of %d anchors are silent%s", *words, f" ({why})" if why else "")
            self._cut_off_s = boot_s
            self._changed(cut_off)
        for held in proved:
            held.end(self.blind() if cut_off else held.seen)
        if cut_off and not self._told and boot_s - self._cut_off_s >= TOLD_AFTER_S:
            self._told = True
            self._notice(True, ended.silent)
        elif not cut_off and self._told:
            self._told = False
            self._notice(False, ended.silent)

    def blind(self) -> Observation:
        """What a failing look means while it is cut off."""
        return unknown(f"the watcher is cut off: most anchors of segment {self.segment.id} do not answer")

    def _give_up(self, begun: _Round) -> list[Held]:
        for flight in begun.flights.values():
            self._driver.give_up(flight)
        begun.flights.clear()
        return begun.proves


def _ping(anchor: str) -> Dialogue:
    yield Echo(anchor)
    return up()
