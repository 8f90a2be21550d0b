"""Where a run may come by, as far as its steps say: what follows one of them in any case."""

from collections.abc import Iterator, Mapping, Sequence

from domain.procedure import ANNOUNCE, CONTINUE, FAILURES, LOOK, PASSED_OVER, STOP, Step, StepOutcome

OUTCOMES: Mapping[str, tuple[str, ...]] = {
    LOOK: (str(StepOutcome.DOWN), PASSED_OVER),
    ANNOUNCE: (str(StepOutcome.DONE), PASSED_OVER),
}
OF_ACTIONS = (str(StepOutcome.DONE), *sorted(map(str, FAILURES)), PASSED_OVER)
_DONE = (str(StepOutcome.DONE),)
_FAILED = tuple(sorted(map(str, FAILURES)))
_Known = Mapping[str, tuple[str, ...]]
"""Of a step's id, how it may have ended by then. What isn't here may have ended in any way."""


def following(steps: Sequence[Step], index: int, outcome: str) -> list[int]:
    """The later steps that are not passed over in any case, once this one ended so and where no failure leads elsewhere."""
    known, found = {**steps[index].when, steps[index].id: (outcome,)}, []
    for later in range(index + 1, len(steps)):
        if _certain(steps[later], known):
            known[steps[later].id] = OUTCOMES.get(steps[later].action, OF_ACTIONS)[:-1]
            found.append(later)
    return found


def position(steps: Sequence[Step], name: str) -> int:
    """Of the step of this id; 0 where there is none."""
    return next((index for index, step in enumerate(steps) if step.id == name), 0)


def looked_at(steps: Sequence[Step], index: int) -> bool:
    """Does a look follow whichever way is taken, once this was done, and where it failed and another step is gone on with?"""
    step = steps[index]
    looked = _looked(steps, index + 1, {**step.when, step.id: _DONE}, {})
    if not looked or step.on_failure == STOP:  # it did not work, and people take over
        return looked
    after = _after_failure(steps, index)
    return _looked(steps, after, {**step.when, **_skipped(steps, index, after), step.id: (str(StepOutcome.FAILED),)}, {})


def _looked(steps: Sequence[Step], index: int, known: _Known, seen: dict[object, bool]) -> bool:
    """Does each way from here come by a look? ``seen``: what was found before, by place and by what still matters there."""
    if index >= len(steps):
        return False
    step = steps[index]
    if step.action == LOOK and _certain(step, known):
        return True
    asked = {name for later in steps[index:] for name in later.when}
    key = (index, frozenset(item for item in known.items() if item[0] in asked))
    if key not in seen:
        seen[key] = all(_looked(steps, onward, {**known, **ends}, seen) for onward, ends in _ways(steps, index, known))
    return seen[key]


def _ways(steps: Sequence[Step], index: int, known: _Known) -> Iterator[tuple[int, _Known]]:
    """Where it goes on after this step, and what is known then. A look ends a way, so that only the one past it counts."""
    step = steps[index]
    never = any(name in known and not set(known[name]) & set(wanted) for name, wanted in step.when.items())
    if never or step.action == LOOK:
        yield index + 1, {step.id: (PASSED_OVER,)}
        return
    over = () if _certain(step, known) else (PASSED_OVER,)
    if not step.acts or step.on_failure == CONTINUE:
        yield index + 1, {step.id: (*OUTCOMES.get(step.action, OF_ACTIONS)[:-1], *over)}
        return
    yield index + 1, {step.id: (*_DONE, *over)}
    after = _after_failure(steps, index)
    yield after, {**_skipped(steps, index, after), step.id: _FAILED}


def _after_failure(steps: Sequence[Step], index: int) -> int:
    wanted = steps[index].on_failure
    return len(steps) if wanted == STOP else max(position(steps, wanted), index + 1)


def _skipped(steps: Sequence[Step], index: int, onward: int) -> _Known:
    return {step.id: (PASSED_OVER,) for step in steps[index + 1 : onward]}


def _certain(step: Step, known: _Known) -> bool:
    """Is it passed over in no case?"""
    return all(name in known and set(known[name]) <= set(wanted) for name, wanted in step.when.items())
