"""When observations become a fault (C1-C3). Run by the watcher for every look; only a ``Change`` leaves it."""

from typing import NamedTuple

from domain.model import Confirmation, Profile
from domain.observation import Observation, Verdict

PROFILES: dict[str, Profile] = {
    "standard": Profile("standard", interval_s=300, confirmation=Confirmation(failures=2, retry_s=60)),  # C1
    "rapid": Profile("rapid", interval_s=60, confirmation=Confirmation(failures=3)),  # C2
    "basic": Profile("basic", interval_s=600, confirmation=Confirmation(failures=2, retry_s=60)),  # C3
}
"""The shipped profiles; an inventory may define further ones."""


class Memory(NamedTuple):
    """What the watcher remembers of a check between looks.

    ``verdict`` is the confirmed one (``None`` before the first); ``failures`` counts failing looks in a row;
    ``failing_since_s`` is the first of them; ``evidence_since_s`` the start of evidence without a gap (fault only).
    """

    verdict: Verdict | None = None
    failures: int = 0
    failing_since_s: float | None = None
    evidence_since_s: float | None = None


class Change(NamedTuple):
    """A confirmed change of verdict, or the loss and return of evidence for one: all that the engine ever hears.

    ``fault_at_s`` is the first failing observation, for reports (R20); ``evidence_since_s`` is where acting starts to count.
    """

    verdict: Verdict
    at_s: float
    fault_at_s: float | None
    evidence_since_s: float | None
    detail: str
    value: float | None
    latency_ms: float | None


class Judged(NamedTuple):
    memory: Memory
    change: Change | None
    retry_s: float | None
    """Look again after so many seconds instead of the ordinary interval (C1, C3)."""


def judge(rule: Confirmation, memory: Memory, seen: Observation, now_s: float, gap: bool = False) -> Judged:
    """Judge one look.

    ``gap``: more than two intervals have passed since the last look, so what was seen before no longer proves that
    the fault lasted. An unchanged verdict returns the same memory object and no change.
    """
    verdict = seen.verdict
    if verdict is Verdict.UP:
        if memory.verdict is Verdict.UP and memory.failures == 0:
            return Judged(memory, None, None)
        memory_up = Memory(Verdict.UP)
        if memory.verdict is Verdict.UP:
            return Judged(memory_up, None, None)
        return Judged(memory_up, _change(memory_up, seen, now_s), None)
    if verdict is Verdict.UNKNOWN:
        return _judge_unknown(memory, seen, now_s)
    return _judge_down(rule, memory, seen, now_s, gap)


def _judge_unknown(memory: Memory, seen: Observation, now_s: float) -> Judged:
    if memory.verdict is Verdict.UNKNOWN and memory.failures == 0:
        return Judged(memory, None, None)
    # fault_at survives for the report; failures start anew, so that a fault is only ever confirmed by looks that could judge
    after = Memory(Verdict.UNKNOWN, 0, _confirmed_since_s(memory), None)
    change = _change(after, seen, now_s) if memory.verdict is not Verdict.UNKNOWN else None
    return Judged(after, change, None)


def _confirmed_since_s(memory: Memory) -> float | None:
    """The first failing observation of a confirmed fault that no look has seen gone; ``None`` where what failed was never
    confirmed. A fault that lasts through UNKNOWN failed first before its evidence began anew."""
    lasting = memory.verdict is Verdict.UNKNOWN and memory.failing_since_s != memory.evidence_since_s
    return memory.failing_since_s if lasting or memory.verdict is Verdict.DOWN else None


def _judge_down(rule: Confirmation, memory: Memory, seen: Observation, now_s: float, gap: bool) -> Judged:
    if memory.verdict is Verdict.DOWN:
        if not gap:
            return Judged(memory, None, None)
        again = memory._replace(evidence_since_s=now_s)
        return Judged(again, _change(again, seen, now_s), None)
    failures, since_s, evidence_s = memory.failures + 1, memory.failing_since_s, memory.evidence_since_s
    if gap or memory.failures == 0:
        failures, since_s, evidence_s = 1, _confirmed_since_s(memory), now_s
    if since_s is None:
        since_s = now_s
    if failures < rule.failures:
        return Judged(Memory(memory.verdict, failures, since_s, evidence_s), None, rule.retry_s)
    after = Memory(Verdict.DOWN, failures, since_s, evidence_s)
    return Judged(after, _change(after, seen, now_s), None)


def _change(memory: Memory, seen: Observation, now_s: float) -> Change:
    return Change(
        memory.verdict or seen.verdict,
        now_s,
        memory.failing_since_s,
        memory.evidence_since_s,
        seen.detail,
        seen.value,
        seen.latency_ms,
    )
