"""What makes a procedure trustworthy, beyond being well-formed: it looks first and last, is bounded, goes only forward, and never
does twice what can't be undone."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.mistake import shown
from domain.procedure import (
    ANNOUNCE,
    BOOT,
    CONTINUE,
    DISK,
    FAULT,
    LOOK,
    RESCUE,
    STOP,
    Effect,
    Parameter,
    Step,
    StepOutcome,
)
from domain.secrecy import without_secrets
from runbooks.paths import OF_ACTIONS, OUTCOMES, following, looked_at, position

_TEMPLATE = re.compile(r"[{}$%]")
_CHARS = r"[A-Za-z0-9@._:/+=,-]"
_SAFE = re.compile(rf"(?!-){_CHARS}+", re.ASCII)
_ARGUMENT = re.compile(rf"{_CHARS}+", re.ASCII)
MAX_PARAMETER_CHARS = 255
_RANDOM = re.compile(r"(?=[A-Za-z+]*[0-9])(?=[0-9+]*[A-Za-z])[A-Za-z0-9+]{32,}={0,2}")
"""A word of 32 characters and more, letters and digits mixed: no name that a person gave."""
_SWITCH_ON = ("on", "cycle", "reset")
_CLASSES = ("server", "service")


class Fault(NamedTuple):
    """What is wrong with the step of this number, from 0 (``None``: with the procedure), and what would be right. ``key``: of
    which value, where it is one."""

    step: int | None
    code: str
    wrong: str
    right: str
    key: str = ""


def parameter_fault(value: Parameter) -> Fault | None:
    """A text with a template or a secret in it, or one that could be read by a shell or taken for an option. In a list, the words
    after the first are a program's own arguments and may be options."""
    words = value if isinstance(value, tuple) else (value,)
    line = " ".join(map(str, words))  # an option's value may stand in the next word
    if without_secrets(line) != line or any(map(_RANDOM.search, map(str, words))):
        wrong, right = "looks like a secret (what was written is not shown)", "a file on the host that only its program may read"
        return Fault(None, "secret", wrong, right)
    for index, word in enumerate(words):
        if isinstance(word, str) and (fault := _word_fault(word, _ARGUMENT if index else _SAFE)) is not None:
            return fault
    return None


def _word_fault(word: str, safe: re.Pattern[str]) -> Fault | None:
    if _TEMPLATE.search(word):
        return Fault(None, "template", f"has a template (got {shown(word)})", "the value itself; commands hold no templates")
    if len(word) > MAX_PARAMETER_CHARS or safe.fullmatch(word) is None:
        start = " (not a - at its start)" if safe is _SAFE else ""
        return Fault(
            None,
            "shell",
            f"could be read by a shell or as an option (got {shown(word)})",
            f"at most {MAX_PARAMETER_CHARS} ASCII letters, digits and @ . _ : / + = , -{start}",
        )
    return None


def faults(steps: Sequence[Step], meant: Sequence[Step], budget_s: float, max_power_actions: int | None) -> Iterator[Fault]:
    """All that is wrong with the order and the bounds of these steps; ``meant``: see ``runbooks.steps.Line``.
    ``max_power_actions`` of ``None``: it is not known."""
    acting = [index for index, step in enumerate(steps) if step.acts]
    if steps and (steps[0].action != LOOK or steps[0].when):
        yield Fault(0, "first_not_look", "comes before anything was looked at", f"a first step with action: {LOOK} and no when")
    if not acting:
        yield Fault(None, "no_action", "no step acts", f"one step besides {LOOK} and {ANNOUNCE}", "steps")
    for index in acting:
        if steps[index].changes and not looked_at(steps, index):
            yield Fault(index, "no_verify", "nothing looks whether it helped", f"verify, or a later step with action: {LOOK}")
    yield from _repeated(meant)
    for index, step in enumerate(steps):
        if step.boots == RESCUE:
            yield from _left_in_rescue(steps, index)
        if _order(step) == "off":
            yield from _left_off(steps, index)
    yield from _announced(steps, acting)
    for index in range(len(steps)):
        yield from _leads_on(steps, index)
        yield from _asks(steps, index)
    needed_s = sum(step.longest_s for step in meant)
    if needed_s > budget_s:
        wrong = f"the steps may take longer than the budget (got {budget_s:g} s)"
        yield Fault(None, "budget", wrong, f"{needed_s:g} or more, or shorter steps", "budget_s")
    switching = sum(step.effect is Effect.POWER for step in steps)
    if max_power_actions is not None and switching > max_power_actions:
        wrong = f"the steps may switch the power {switching} times (max_power_actions: got {max_power_actions})"
        yield Fault(None, "power", wrong, f"max_power_actions: {switching}, or fewer such steps (R26)", "max_power_actions")


def _left_in_rescue(steps: Sequence[Step], index: int) -> Iterator[Fault]:
    """A host that was booted into its rescue system is booted from its disk again, however that went; in between a look would see
    the rescue system."""
    ways = [following(steps, index, str(outcome)) for outcome in (StepOutcome.DONE, StepOutcome.FAILED)]
    back = next((later for later in ways[0] if later in ways[1] and steps[later].boots == DISK), None)
    if back is None:
        wrong = "may leave the host in its rescue system"
        right = f"a later power step with do: cycle, boot: disk, when {steps[index].id} is done or failed (R24)"
        yield Fault(index, "left_in_rescue", wrong, right)
        return
    for between in range(index, back):
        step = steps[between]
        if step.action == LOOK:
            wrong, right = "would see the rescue system, not the host's own", f"no look before {steps[back].id} (R24)"
            yield Fault(between, "look_in_rescue", wrong, right)
        if position(steps, step.on_failure) > back:
            wrong = f"leads past {steps[back].id}, which leaves the rescue system (got {shown(step.on_failure)})"
            yield Fault(between, "left_in_rescue", wrong, f"{steps[back].id}, or {CONTINUE} (R24)", "on_failure")


def _order(step: Step) -> Parameter | None:
    return step.parameters.get("do") if step.effect is Effect.POWER else None


def _left_off(steps: Sequence[Step], index: int) -> Iterator[Fault]:
    """A host that was switched off is switched on again, however that went, and whatever fails in between."""
    if BOOT in steps[index].parameters:
        yield Fault(index, "off_boots", "what is switched off boots nothing", f"no {BOOT} here", "parameters")
    ways = [following(steps, index, str(outcome)) for outcome in (StepOutcome.DONE, StepOutcome.FAILED)]
    on = next((later for later in ways[0] if later in ways[1] and _order(steps[later]) in _SWITCH_ON), None)
    if on is None:
        right = f"a later power step with do: on or cycle, when {steps[index].id} is done or failed"
        yield Fault(index, "left_off", "may leave the host switched off", right)
        return
    for between in range(index, on):
        wanted = steps[between].on_failure
        if wanted == STOP or position(steps, wanted) > on:
            wrong = f"leads past {steps[on].id}, which switches the host on (got {shown(wanted)})"
            yield Fault(between, "left_off", wrong, f"{steps[on].id}, or {CONTINUE}", "on_failure")


def _repeated(steps: Sequence[Step]) -> Iterator[Fault]:
    """R26: the effect of an action comes at most once."""
    for index, step in enumerate(steps):
        if any(step.id == earlier.id for earlier in steps[:index]):
            yield Fault(index, "duplicate_id", "another step has this id", "an id of its own")
        same = (earlier for earlier in steps[:index] if earlier.changes and earlier.action == step.action)
        if any(dict(earlier.parameters) == dict(step.parameters) for earlier in same):
            yield Fault(index, "acts_twice", "does once more what an earlier step did", "each action once (R26)")


def _announced(steps: Sequence[Step], acting: Sequence[int]) -> Iterator[Fault]:
    """R20: the customer is told that work starts once, and before it does."""
    changing = [index for index in acting if steps[index].changes]
    announcing = [index for index, step in enumerate(steps) if step.action == ANNOUNCE]
    for index in announcing:
        if changing and index > changing[0]:
            yield Fault(index, "announced_late", "announces work that has begun", "before the first step that acts (R20)")
        elif index != announcing[0]:
            yield Fault(index, "announced_twice", "announces the work once more", "one announcement (R20)")


def _leads_on(steps: Sequence[Step], index: int) -> Iterator[Fault]:
    """A failure leads on to a later step, never back."""
    wanted = steps[index].on_failure
    if wanted in (CONTINUE, STOP):
        return
    known = [step.id for step in steps]
    later = known[index + 1 :]
    if wanted not in known:
        yield Fault(index, "no_such_step", f"no such step (got {shown(wanted)})", _one_of((CONTINUE, STOP, *later)), "on_failure")
    elif wanted not in later:
        wrong = f"leads back to where it has been: a loop (got {shown(wanted)})"
        yield Fault(index, "loop", wrong, _one_of((CONTINUE, STOP, *later)), "on_failure")


def _asks(steps: Sequence[Step], index: int) -> Iterator[Fault]:
    """What a step depends on has been decided before."""
    earlier = {step.id: step for step in steps[:index]}
    for name, wanted in steps[index].when.items():
        if name in earlier:
            known: tuple[str, ...] = OUTCOMES.get(earlier[name].action, OF_ACTIONS)
        elif name == FAULT:
            known = _CLASSES
        else:
            there = any(step.id == name for step in steps)
            wrong = "asks for what has not been done by then: a loop" if there else "no such step"
            code = "loop" if there else "no_such_step"
            yield Fault(index, code, f"{wrong} (got {shown(name)})", _one_of((FAULT, *earlier)), "when")
            continue
        for word in wanted:
            if word not in known:
                yield Fault(index, "outcome", f"{name} never ends so (got {shown(word)})", _one_of(known), "when")


def _one_of(words: Sequence[str]) -> str:
    return f"one of {', '.join(words)}" if len(words) > 1 else words[0]
