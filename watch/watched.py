"""One check in the watcher's memory."""

import logging
from dataclasses import dataclass, field
from typing import Any

from domain.checks import Change, Memory, judge
from domain.model import Check
from domain.observation import Observation, Verdict, unknown
from probes import PROBES
from probes.reading import Reading, Terms, Values, judged
from probes.spec import Secrets, Spec, Target
from watch.desk import Known
from watch.sight import Held, Sight
from watch.wheel import next_turn_s, phase_s

log = logging.getLogger(__name__)

FIRST_LOOKS_S = 10.0
"""Checks never looked at before are looked at within so long, and not only when their turn comes; spread all the same."""


@dataclass(slots=True, eq=False)
class Watched:
    """``ended_s`` is when the last look ended (boottime); ``gap``: the next look restarts the evidence whatever its time;
    ``flight`` is the driver's word for the look under way, ``held`` a failing one that ``sight`` has yet to prove; ``orders`` are
    the keys of Look commands that wait for it."""

    check: Check
    spec: Spec
    target: Target
    memory: Memory
    ended_s: float | None = None
    gap: bool = False
    flight: Any = None
    sight: Sight | None = None
    held: Held | None = None
    orders: set[str] = field(default_factory=set)
    missed: bool = False
    """Was its last turn missed?"""
    parents: "list[Watched]" = field(default_factory=list)
    """What tells whether that which its host depends on can be reached (C53)."""
    kept: Any = None
    """What a reading remembers between looks."""

    @property
    def key(self) -> str:
        """What its phase is taken by: readings of a host meet, as one session serves them all."""
        return self.check.host if isinstance(self.spec.way, Reading) else self.check.id

    @property
    def idle(self) -> bool:
        """Waiting for its turn."""
        return self.flight is None and self.held is None

    @property
    def well(self) -> bool:
        """Up, and nothing seen that speaks against it."""
        return self.memory.verdict is Verdict.UP and not self.memory.failures

    def judge(self, seen: Observation, now_s: float, boot_s: float) -> tuple[Change | None, float]:
        """One look has ended: what changed, and when to look again (boottime)."""
        check = self.check
        began_s = boot_s - (seen.latency_ms or 0.0) / 1000
        gap = self.gap or (self.ended_s is not None and began_s - self.ended_s > self.patience_s)
        after = judge(check.confirmation, self.memory, seen, now_s, gap)
        self.memory, self.ended_s, self.gap = after.memory, boot_s, False
        if after.retry_s is not None:
            return after.change, boot_s + after.retry_s
        return after.change, self.next_turn_s(boot_s)

    def read(self, values: Values, boot_s: float, latency_ms: float | None) -> Observation | None:
        """What a reading makes of its values; ``None`` where there is nothing to judge yet."""
        way = self.spec.way
        if not isinstance(way, Reading):
            raise TypeError(f"{self.check.kind} is no reading")
        try:
            seen, self.kept = judged(way, Terms(self.target.options, self.check.level), self.kept, values, boot_s)
        except Exception as error:  # one kind's mistake must not blind the watcher for all others
            log.exception("a mistake of the kind %s, judging %s", self.check.kind, self.check.id)
            return unknown(f"the check failed with {type(error).__name__}; the watcher's log says where")
        return seen and seen._replace(latency_ms=latency_ms)

    def next_turn_s(self, boot_s: float) -> float:
        return next_turn_s(self.key, self.check.interval_s, boot_s)

    @property
    def patience_s(self) -> float:
        """How long a silence between two looks may last before the evidence has a gap."""
        return 2 * max(self.check.interval_s, self.check.confirmation.retry_s or 0.0)

    def first_look_s(self, boot_s: float) -> float:
        """What is known to be down or could not be judged is looked at first, then what was never seen; the rest has its turn."""
        if self.memory.verdict in {Verdict.DOWN, Verdict.UNKNOWN}:
            return boot_s
        if self.memory.verdict is None:
            return boot_s + phase_s(self.key, min(self.check.interval_s, FIRST_LOOKS_S))
        return self.next_turn_s(boot_s)


def watched(check: Check, known: Known | None, secrets: Secrets) -> Watched:
    """A check as its last known verdict leaves it, so that nothing is announced twice; but what was seen before this process
    began proves nothing about the time between. Raises ``KeyError`` for a kind that is not there."""
    spec = PROBES[check.kind]
    name = check.by_name.name if check.by_name is not None else ""
    target = Target(check.address, spec.complete(check.options), secrets, check.timeout_s, name)
    if known is None:
        return Watched(check, spec, target, Memory())
    failures = check.confirmation.failures if known.verdict is Verdict.DOWN else 0
    return Watched(check, spec, target, Memory(known.verdict, failures, known.fault_at_s, None, known.limit), gap=True)
