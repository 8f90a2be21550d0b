"""``hikeshi runbook check``: every mistake in runbooks, without starting anything."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import runbooks
from domain.mistake import Mistake
from domain.procedure import Procedure
from hikeshi.exits import Exit
from hikeshi.show import counted, out_json
from remediation import ACTIONS


def check_runbooks(paths: Sequence[Path], json: bool) -> Exit:
    """Files, and the ``.yaml`` files in folders; without any, those that are shipped."""
    good: list[Procedure] = []
    mistakes: list[Mistake] = []
    reads: list[Callable[[], dict[str, Procedure]]] = [partial(_read, path) for path in paths] or [partial(runbooks.load, ACTIONS)]
    for read in reads:
        try:
            good += read().values()
        except runbooks.RunbookError as error:
            mistakes += error.mistakes
    if json:
        listed = [{"runbook": one.id, "version": one.version} for one in good]
        out_json({"ok": not mistakes, "good": listed, "mistakes": [str(mistake) for mistake in mistakes]})
    elif mistakes:
        print("\n".join(map(str, mistakes)), file=sys.stderr)
    else:
        print(f"good: {counted(len(good), 'runbooks')}")
        for one in good:
            bounds = f"{len(one.steps)} steps, at most {one.budget_s:g} s, power {one.max_power_actions} times"
            print(f"{one.id} {one.version[:12]}: {bounds}")
    return Exit.BAD_INPUT if mistakes else Exit.OK


def _read(path: Path) -> dict[str, Procedure]:
    if not path.is_dir():
        return runbooks.read(ACTIONS, [path])
    found = runbooks.load(ACTIONS, path)
    if not found:
        raise runbooks.RunbookError((Mistake(str(path), 0, "", "holds no runbook", "would be right: NAME.yaml in it", "none"),))
    return found
