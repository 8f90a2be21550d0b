"""What makes a procedure trustworthy, beyond being well-formed: it looks first and last, is bounded, and never acts twice."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.procedure import ANNOUNCE, LOOK, Parameter, Step

_TEMPLATE = re.compile(r"[{}$%]")
_SAFE = re.compile(r"[A-Za-z0-9@._:/+=,][A-Za-z0-9@._:/+=,-]*", re.ASCII)
MAX_PARAMETER_CHARS = 255


class Fault(NamedTuple):
    """What is wrong with the step of this number, from 0 (``None``: with the procedure), and what would be right."""

    step: int | None
    code: str
    wrong: str
    right: str


def parameter_fault(value: Parameter) -> Fault | None:
    """A text with a template in it, or one that could be read by a shell or taken for an option."""
    if not isinstance(value, str):
        return None
    if _TEMPLATE.search(value):
        return Fault(None, "template", "has a template", "the value itself; commands hold no templates")
    if len(value) > MAX_PARAMETER_CHARS or _SAFE.fullmatch(value) is None:
        return Fault(
            None,
            "shell",
            "could be read by a shell or as an option",
            f"at most {MAX_PARAMETER_CHARS} ASCII letters, digits and @ . _ : / + = , - (not a - at its start)",
        )
    return None


def faults(steps: Sequence[Step], budget_s: float) -> Iterator[Fault]:
    """All that is wrong with the order and the bounds of these steps."""
    acting = [index for index, step in enumerate(steps) if step.acts]
    if steps and steps[0].action != LOOK:
        yield Fault(
            0,
            "first_not_look",
            "comes before anything was looked at",
            f"a first step with action: {LOOK}",
        )
    if not acting:
        yield Fault(None, "no_action", "no step acts", f"one step besides {LOOK} and {ANNOUNCE}")
    for index in acting:
        if not any(step.action == LOOK for step in steps[index + 1 :]):
            yield Fault(index, "no_verify", "nothing looks whether it helped", f"a later step with action: {LOOK}")
    yield from _repeated(steps)
    yield from _announced(steps, acting)
    needed_s = sum(step.timeout_s + step.until_s for step in steps)
    if needed_s > budget_s:
        wrong = f"the steps may take longer than the budget (got {budget_s:g} s)"
        yield Fault(None, "budget", wrong, f"{needed_s:g} or more, or shorter steps")


def _repeated(steps: Sequence[Step]) -> Iterator[Fault]:
    """R26: the effect of an action comes at most once."""
    for index, step in enumerate(steps):
        if any(step.id == earlier.id for earlier in steps[:index]):
            yield Fault(index, "duplicate_id", "another step has this id", "an id of its own")
        same = (earlier for earlier in steps[:index] if earlier.acts and earlier.action == step.action)
        if any(dict(earlier.parameters) == dict(step.parameters) for earlier in same):
            yield Fault(index, "acts_twice", "does once more what an earlier step did", "each action once (R26)")


def _announced(steps: Sequence[Step], acting: Sequence[int]) -> Iterator[Fault]:
    """R20: the customer is told that work starts once, and before it does."""
    announcing = [index for index, step in enumerate(steps) if step.action == ANNOUNCE]
    for index in announcing:
        if acting and index > acting[0]:
            yield Fault(index, "announced_late", "announces work that has begun", "before the first step that acts (R20)")
        elif index != announcing[0]:
            yield Fault(index, "announced_twice", "announces the work once more", "one announcement (R20)")
