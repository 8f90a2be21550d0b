"""Whom to tell next, and when to stop."""

from dataclasses import dataclass, replace

from domain.model import OnCall

LONGEST_WAIT_S = 3600.0
SHORTEST_WAIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Page:
    """An incident that needs a person. ``told`` counts pages sent, ``paged`` are the operators they went to; ``next_at_s`` is when
    the next one goes out; ``asked`` is the incident's serial when people were first asked: pages before it are no longer."""

    code: str
    told: int = 0
    next_at_s: float = 0.0
    paged: tuple[str, ...] = ()
    asked: int = 0


def next_page(page: Page, on_call: OnCall, now_s: float) -> tuple[Page, str] | None:
    """The operator to page now, going round the on-call order until somebody acknowledges; ``None`` when not yet due.

    Each full round without an answer doubles the wait, up to an hour, so that a night without people stays bounded.
    """
    if now_s < page.next_at_s or not on_call.order:
        return None
    who = on_call.order[page.told % len(on_call.order)]
    rounds = page.told // len(on_call.order)
    wait_s = max(on_call.escalate_after_s, min(on_call.escalate_after_s * 2.0 ** min(rounds, 16), LONGEST_WAIT_S), SHORTEST_WAIT_S)
    paged = page.paged if who in page.paged else (*page.paged, who)
    return replace(page, told=page.told + 1, next_at_s=now_s + wait_s, paged=paged), who
