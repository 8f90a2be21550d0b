"""When observations become a fault (C1-C3). Run by the watcher for every look; only a ``Change`` leaves it."""

from typing import NamedTuple

from domain.model import Confirmation, Profile
from domain.observation import Limit, Observation, Verdict

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
    ``limit`` is the one that is confirmed as passed; ``towards`` what the last ``moved`` looks in a row mean instead, of several
    the one nearest to it. ``told_only``: of the looks that failed one said nothing about the host (C50), and since then only the
    last ``grounds`` have.
    """

    verdict: Verdict | None = None
    failures: int = 0
    failing_since_s: float | None = None
    evidence_since_s: float | None = None
    limit: Limit | None = None
    towards: Limit | None = None
    moved: int = 0
    told_only: bool = False
    grounds: int = 0


class Change(NamedTuple):
    """A confirmed change of verdict or of level, or the loss and return of evidence for one: all that the engine ever hears.

    ``fault_at_s`` is the first failing observation, for reports (R20); ``evidence_since_s`` is where acting starts to count.
    """

    verdict: Verdict
    at_s: float
    fault_at_s: float | None
    evidence_since_s: float | None
    detail: str
    value: float | None
    latency_ms: float | None
    limit: Limit | None = None
    told_only: bool = False


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
        return _judge_still_down(rule, memory, seen, now_s, gap)
    failures, since_s, evidence_s = memory.failures + 1, memory.failing_since_s, memory.evidence_since_s
    limit = _both(memory.towards, seen.limit)
    told_only, grounds = _grounds(rule, memory, seen)
    if gap or memory.failures == 0:
        failures, since_s, evidence_s, limit = 1, _confirmed_since_s(memory), now_s, seen.limit
        told_only, grounds = seen.told_only, 0
    if since_s is None:
        since_s = now_s
    if failures < rule.failures:
        after = Memory(memory.verdict, failures, since_s, evidence_s, towards=limit, told_only=told_only, grounds=grounds)
        return Judged(after, None, rule.retry_s)
    after = Memory(Verdict.DOWN, failures, since_s, evidence_s, limit, told_only=told_only, grounds=grounds)
    return Judged(after, _change(after, seen, now_s), None)


def _grounds(rule: Confirmation, memory: Memory, seen: Observation) -> tuple[bool, int]:
    """A fault is worked on where as many looks in a row as confirm one spoke of the host itself; a single one that did not is
    enough to let it be."""
    if seen.told_only or not memory.told_only:
        return seen.told_only, 0
    grounds = memory.grounds + 1
    return (True, grounds) if grounds < rule.failures else (False, 0)


def _judge_still_down(rule: Confirmation, memory: Memory, seen: Observation, now_s: float, gap: bool) -> Judged:
    """Another level is confirmed as a fault is: by so many looks in a row, to either side, so that a value that plays around a
    threshold is one alert (R4)."""
    after = _moved(rule, memory, seen.limit, gap)
    if seen.told_only or memory.told_only:
        told_only, grounds = _grounds(rule, memory, seen)
        after = after._replace(told_only=told_only, grounds=grounds)
    retry_s = rule.retry_s if after.moved or after.grounds else None
    if gap or (memory.told_only and not after.told_only):
        after = after._replace(evidence_since_s=now_s)
    elif after.limit == memory.limit and after.told_only is memory.told_only:
        return Judged(memory if after == memory else after, None, retry_s)
    return Judged(after, _change(after, seen, now_s), retry_s)


def _moved(rule: Confirmation, memory: Memory, limit: Limit | None, gap: bool) -> Memory:
    held = memory.limit
    if held == limit:
        return memory._replace(towards=None, moved=0) if memory.moved else memory
    if held is None or (limit is not None and held.level is limit.level):  # the inventory has another threshold now
        return memory._replace(limit=limit, towards=None, moved=0)
    before = memory.towards
    higher = limit is not None and limit.level > held.level
    if limit is None:  # no value could be had, as an answer was lost, for one: confirmed as any failure is
        towards, moved = None, memory.moved + 1 if before is None and not gap else 1
    elif before is None or gap or (before.level > held.level) is not higher:
        towards, moved = limit, 1
    else:
        towards, moved = (min if higher else max)(before, limit, key=_level), memory.moved + 1
    if moved < rule.failures:
        return memory._replace(towards=towards, moved=moved)
    return memory._replace(limit=towards, towards=None, moved=0)


def _both(one: Limit | None, other: Limit | None) -> Limit | None:
    """What was passed in both looks; ``None`` where one of them did not mean a level of its own."""
    return min(one, other, key=_level) if one is not None and other is not None else None


def _level(limit: Limit) -> int:
    return limit.level


def _change(memory: Memory, seen: Observation, now_s: float) -> Change:
    return Change(
        memory.verdict or seen.verdict,
        now_s,
        memory.failing_since_s,
        memory.evidence_since_s,
        seen.detail,
        seen.value,
        seen.latency_ms,
        memory.limit,
        memory.told_only,
    )
