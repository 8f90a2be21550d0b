"""One check in the watcher's memory."""

from dataclasses import dataclass, field
from typing import Any

from domain.checks import Change, Memory, judge
from domain.model import Check
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Secrets, Spec, Target
from watch.desk import Known
from watch.sight import Held, Sight
from watch.wheel import next_turn_s, phase_s

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

    @property
    def idle(self) -> bool:
        """Waiting for its turn."""
        return self.flight is None and self.held is None

    def judge(self, seen: Observation, now_s: float, boot_s: float) -> tuple[Change | None, float]:
        """One look has ended: what changed, and when to look again (boottime)."""
        check = self.check
        began_s = boot_s - (seen.latency_ms or 0.0) / 1000
        gap = self.gap or (self.ended_s is not None and began_s - self.ended_s > self.patience_s)
        judged = judge(check.confirmation, self.memory, seen, now_s, gap)
        self.memory, self.ended_s, self.gap = judged.memory, boot_s, False
        if judged.retry_s is not None:
            return judged.change, boot_s + judged.retry_s
        return judged.change, next_turn_s(check.id, check.interval_s, boot_s)

    @property
    def patience_s(self) -> float:
        """How long a silence between two looks may last before the evidence has a gap."""
        return 2 * max(self.check.interval_s, self.check.confirmation.retry_s or 0.0)

    def first_look_s(self, boot_s: float) -> float:
        """What is known to be down or could not be judged is looked at first, then what was never seen; the rest has its turn."""
        if self.memory.verdict in {Verdict.DOWN, Verdict.UNKNOWN}:
            return boot_s
        if self.memory.verdict is None:
            return boot_s + phase_s(self.check.id, min(self.check.interval_s, FIRST_LOOKS_S))
        return next_turn_s(self.check.id, self.check.interval_s, boot_s)


def watched(check: Check, known: Known | None, secrets: Secrets) -> Watched:
    """A check as its last known verdict leaves it, so that nothing is announced twice; but what was seen before this process
    began proves nothing about the time between. Raises ``KeyError`` for a kind that is not there."""
    spec = PROBES[check.kind]
    target = Target(check.address, spec.complete(check.options), secrets)
    if known is None:
        return Watched(check, spec, target, Memory())
    failures = check.confirmation.failures if known.verdict is Verdict.DOWN else 0
    return Watched(check, spec, target, Memory(known.verdict, failures, known.fault_at_s, None, known.limit), gap=True)
