"""Runbooks that are refused, and the words they are refused with."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import runbooks
from domain.procedure import Effect, Parameter
from domain.secrecy import without_secrets
from remediation import ACTIONS
from runbooks.lint import parameter_fault
from runbooks.load import RunbookError
from runbooks.spec import ActionSpec, ParameterSpec

GOOD = """\
title: {en: Restart, ja: 再起動}
budget_s: 600
steps:
  - {id: look, action: look}
  - {id: announce, action: announce}
  - {id: restart, action: restart_service, timeout_s: 90}
  - {id: verify, action: look, until_s: 30, every_s: 2}
"""


class Anything:
    """An action that takes a text as it comes, and needs a number."""

    effect = Effect.CHANGE
    repeatable = False
    rehearsals = frozenset({"guest"})

    def __init__(self) -> None:
        self.parameters = {"text": ParameterSpec("a text", self.text), "count": ParameterSpec("1 to 9", self.count, required=True)}

    @staticmethod
    def text(value: object) -> Parameter:
        return str(value)

    @staticmethod
    def count(value: object) -> Parameter:
        if isinstance(value, int) and 1 <= value <= 9:
            return int(value)
        raise ValueError("1 to 9")


class Spec:
    """An action without parameters."""

    parameters: Mapping[str, ParameterSpec] = MappingProxyType({})

    def __init__(self, effect: Effect, *, repeatable: bool = False, rehearsals: tuple[str, ...] = ("guest",)) -> None:
        self.effect = effect
        self.repeatable = repeatable
        self.rehearsals = frozenset(rehearsals)


KNOWN: dict[str, ActionSpec] = {
    "restart_service": ACTIONS["restart_service"],
    "command": ACTIONS["command"],
    "anything": Anything(),
    "reboot": Spec(Effect.POWER),
    "power": ACTIONS["power"],
    "diagnose": Spec(Effect.NONE, repeatable=True),
    "raid": Spec(Effect.CHANGE, rehearsals=()),
}


def mistakes(folder: Path, text: str | bytes, name: str = "bad.yaml") -> list[str]:
    """All that is said about this file, without the folder's path."""
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RunbookError) as raised:
        runbooks.load(KNOWN, folder)
    assert str(raised.value) == "\n".join(map(str, raised.value.mistakes))
    return [str(mistake).replace(f"{folder}/", "") for mistake in raised.value.mistakes]


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def without(line: str) -> str:
    return "".join(kept for kept in GOOD.splitlines(keepends=True) if line not in kept)


ACTS = "- {id: restart, action: restart_service, timeout_s: 90}"
RESCUED = "- {id: rescue, action: power, parameters: {do: cycle, boot: rescue}, timeout_s: 90}\n"
BACK = "  - {id: back, action: power, parameters: {do: cycle, boot: disk}}"
OFF = "- {id: away, action: power, parameters: {do: 'off'}"
RIGHT_ID = "would be right: 1 to 63 of a-z, 0-9 and -, starting with a letter or digit"
BAD: dict[str, tuple[str | bytes, str]] = {
    "unknown key": (
        changed("budget_s: 600", "budget_s: 600\nbudgets: 1"),
        'bad.yaml:3: budgets: unknown key, did you mean "budget_s"?',
    ),
    "unknown key of a step": (
        changed("timeout_s: 90", "timeout: 90"),
        'bad.yaml:6: steps[2].timeout: unknown key, did you mean "timeout_s"?',
    ),
    "unknown action": (
        changed("action: restart_service", "action: restart-service"),
        'bad.yaml:6: steps[2].action: no such action (got "restart-service"), did you mean "restart_service"?',
    ),
    "unknown action, like none": (
        changed("action: restart_service", "action: zzz"),
        'bad.yaml:6: steps[2].action: no such action (got "zzz"), '
        "would be right: announce, anything, command, diagnose, look, power, raid, reboot, restart_service",
    ),
    "a URL with a password": (
        changed("action: restart_service", "action: 'https://u:secret@zzz.example/'"),
        'bad.yaml:6: steps[2].action: no such action (got "https://…@zzz.example/"), '
        "would be right: announce, anything, command, diagnose, look, power, raid, reboot, restart_service",
    ),
    "unknown parameter": (
        changed("timeout_s: 90", "parameters: {units: nginx}"),
        'bad.yaml:6: steps[2].parameters.units: restart_service takes no such parameter, did you mean "unit"?',
    ),
    "parameter of a look": (
        changed("action: look}", "action: look, parameters: {unit: nginx}}"),
        "bad.yaml:4: steps[0].parameters.unit: look takes no such parameter, would be right: nothing, there is none",
    ),
    "parameter that is missing": (
        changed("restart_service", "anything"),
        "bad.yaml:6: steps[2]: parameter count is missing, would be right: count: 1 to 9",
    ),
    "parameter that does not fit": (
        changed("timeout_s: 90", "parameters: {unit: reboot.target}"),
        'bad.yaml:6: steps[2].parameters.unit: does not fit (got "reboot.target"), '
        "would be right: a systemd service, not another kind of unit: such as nginx.service",
    ),
    "template": (
        changed("timeout_s: 90", "parameters: {unit: '{{ service }}'}"),
        'bad.yaml:6: steps[2].parameters.unit: has a template (got "{{ service }}"), '
        "would be right: the value itself; commands hold no templates",
    ),
    "shell": (
        changed("timeout_s: 90", "parameters: {unit: nginx; reboot}"),
        'bad.yaml:6: steps[2].parameters.unit: could be read by a shell or as an option (got "nginx; reboot"), '
        "would be right: at most 255 ASCII letters, digits and @ . _ : / + = , - (not a - at its start)",
    ),
    "no verify": (
        without("verify"),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "first step acts": (
        changed("  - {id: look, action: look}\n", ""),
        "bad.yaml:4: steps[0]: comes before anything was looked at, would be right: a first step with action: look and no when",
    ),
    "announced late": (
        changed("  - {id: announce, action: announce}\n", "").replace(ACTS, f"{ACTS}\n  - {{id: announce, action: announce}}"),
        "bad.yaml:6: steps[2]: announces work that has begun, would be right: before the first step that acts (R20)",
    ),
    "announced twice": (
        changed("- {id: announce, action: announce}", "- {id: announce, action: announce}\n  - {id: again, action: announce}"),
        "bad.yaml:6: steps[2]: announces the work once more, would be right: one announcement (R20)",
    ),
    "acts twice": (
        changed(ACTS, f"{ACTS}\n  - {{id: again, action: restart_service}}"),
        "bad.yaml:7: steps[3]: does once more what an earlier step did, would be right: each action once (R26)",
    ),
    "acts twice, written otherwise": (
        changed(
            ACTS,
            "- {id: a, action: restart_service, parameters: {unit: nginx}}\n"
            "  - {id: b, action: restart_service, parameters: {unit: nginx.service}}",
        ),
        "bad.yaml:7: steps[3]: does once more what an earlier step did, would be right: each action once (R26)",
    ),
    "acts twice, with what it leaves out written out": (
        changed(
            ACTS,
            "- {id: a, action: power, parameters: {do: cycle}}\n"
            "  - {id: b, action: power, parameters: {do: cycle, boot: disk}}\n"
            "  - {id: c, action: command, parameters: {argv: [/bin/true]}}\n"
            "  - {id: d, action: command, parameters: {argv: [/bin/true], as_root: false}}",
        )
        + "max_power_actions: 2\n",
        "bad.yaml:7: steps[3]: does once more what an earlier step did, would be right: each action once (R26)\n"
        "bad.yaml:9: steps[5]: does once more what an earlier step did, would be right: each action once (R26)",
    ),
    "acts twice, with more patience": (
        changed(ACTS, f"{ACTS}\n  - {{id: again, action: restart_service, parameters: {{watchdog_s: 5}}}}"),
        "bad.yaml:7: steps[3]: does once more what an earlier step did, would be right: each action once (R26)",
    ),
    "a wait that the budget does not hold": (
        changed("timeout_s: 90", "parameters: {watchdog_s: 900}"),
        "bad.yaml:2: budget_s: the steps may take longer than the budget (got 600 s), "
        "would be right: 1170 or more, or shorter steps",
    ),
    "left in the rescue system": (
        changed(ACTS, RESCUED + "  - {id: back, action: power, parameters: {do: cycle, boot: disk}, when: {rescue: done}}")
        + "max_power_actions: 2\n",
        "bad.yaml:6: steps[2]: may leave the host in its rescue system, "
        "would be right: a later power step with do: cycle, boot: disk, when rescue is done or failed (R24)",
    ),
    "left in the rescue system, as what is on is not restarted": (
        changed(ACTS, RESCUED + "  - {id: back, action: power, parameters: {do: 'on', boot: disk}}") + "max_power_actions: 2\n",
        "bad.yaml:6: steps[2]: may leave the host in its rescue system, "
        "would be right: a later power step with do: cycle, boot: disk, when rescue is done or failed (R24)",
    ),
    "switched on into the rescue system, and left there": (
        changed(ACTS, RESCUED.replace("cycle", "'on'").rstrip()) + "max_power_actions: 1\n",
        "bad.yaml:6: steps[2]: may leave the host in its rescue system, "
        "would be right: a later power step with do: cycle, boot: disk, when rescue is done or failed (R24)",
    ),
    "left off": (
        changed(ACTS, "- {id: away, action: power, parameters: {do: 'off'}}") + "max_power_actions: 1\n",
        "bad.yaml:6: steps[2]: may leave the host switched off, "
        "would be right: a later power step with do: on or cycle, when away is done or failed",
    ),
    "left off, where that failed half": (
        changed(ACTS, f"{OFF}}}\n  - {{id: back, action: power, parameters: {{do: 'on'}}, when: {{away: done}}}}")
        + "max_power_actions: 2\n",
        "bad.yaml:6: steps[2]: may leave the host switched off, "
        "would be right: a later power step with do: on or cycle, when away is done or failed",
    ),
    "left off, where it stops": (
        changed(ACTS, f"{OFF}, on_failure: stop}}\n  - {{id: back, action: power, parameters: {{do: 'on'}}}}")
        + "max_power_actions: 2\n",
        'bad.yaml:6: steps[2].on_failure: leads past back, which switches the host on (got "stop"), '
        "would be right: back, or continue",
    ),
    "boots what is off": (
        changed(ACTS, f"{OFF.replace('}', ', boot: disk}')}}}\n  - {{id: back, action: power, parameters: {{do: 'on'}}}}")
        + "max_power_actions: 2\n",
        "bad.yaml:6: steps[2].parameters: what is switched off boots nothing, would be right: no boot here",
    ),
    "looks at the rescue system": (
        changed(ACTS, RESCUED + "  - {id: seen, action: look}\n" + BACK) + "max_power_actions: 2\n",
        "bad.yaml:7: steps[3]: would see the rescue system, not the host's own, would be right: no look before back (R24)",
    ),
    "leads past the way back": (
        changed(ACTS, RESCUED.replace("90", "90, on_failure: verify") + BACK) + "max_power_actions: 2\n",
        'bad.yaml:6: steps[2].on_failure: leads past back, which leaves the rescue system (got "verify"), '
        "would be right: back, or continue (R24)",
    ),
    "same id": (
        changed("id: verify", "id: look"),
        "bad.yaml:7: steps[3]: another step has this id, would be right: an id of its own",
    ),
    "nothing acts": (
        changed(f"  {ACTS}\n", ""),
        "bad.yaml:4: steps: no step acts, would be right: one step besides look and announce",
    ),
    "no budget": (without("budget_s"), "bad.yaml:1: budget_s is missing, would be right: budget_s: 900"),
    "budget of more than an hour": (
        changed("budget_s: 600", "budget_s: 3601"),
        'bad.yaml:2: budget_s: is out of range (got "3601"), would be right: 1 to 3600 seconds',
    ),
    "budget without end": (
        changed("budget_s: 600", "budget_s: .inf"),
        'bad.yaml:2: budget_s: is ".inf", would be right: a plain text or number',
    ),
    "budget that is none": (
        changed("budget_s: 600", "budget_s: true"),
        'bad.yaml:2: budget_s: is out of range (got "True"), would be right: 1 to 3600 seconds',
    ),
    "budget too short for its steps": (
        changed("budget_s: 600", "budget_s: 200"),
        "bad.yaml:2: budget_s: the steps may take longer than the budget (got 200 s), "
        "would be right: 300 or more, or shorter steps",
    ),
    "timeout without end": (
        changed("timeout_s: 90", "timeout_s: 1e9"),
        'bad.yaml:6: steps[2].timeout_s: is "1e9", would be right: a plain text or number',
    ),
    "timeout of nothing": (
        changed("timeout_s: 90", "timeout_s: 0"),
        'bad.yaml:6: steps[2].timeout_s: is out of range (got "0"), would be right: 1 to 900 seconds',
    ),
    "timeout too long": (
        changed("timeout_s: 90", "timeout_s: 901"),
        'bad.yaml:6: steps[2].timeout_s: is out of range (got "901"), would be right: 1 to 900 seconds',
    ),
    "repeats too fast": (
        changed("every_s: 2", "every_s: 0"),
        'bad.yaml:7: steps[3].every_s: is out of range (got "0"), would be right: 1 to 900 seconds',
    ),
    "repeats without end": (
        changed("until_s: 30, ", ""),
        "bad.yaml:7: steps[3].every_s: repeats without an end, would be right: until_s as well",
    ),
    "repeats an action": (
        changed("timeout_s: 90", "until_s: 30"),
        "bad.yaml:6: steps[2].until_s: only a look is repeated, would be right: no until_s here",
    ),
    "no title in one language": (
        changed(", ja: 再起動", ""),
        "bad.yaml:1: title: ja is missing, would be right: ja: 店舗の再起動",
    ),
    "title of two lines": (
        changed("en: Restart", r'en: "Restart\r\nBcc: x"'),
        'bad.yaml:1: title.en: is no such text (got "Restart\\u000d\\u000aBcc: x"), '
        "would be right: one line of 1 to 80 visible characters",
    ),
    "steps that are no list": (
        GOOD[: GOOD.index("steps:")] + "steps: look",
        'bad.yaml:3: steps: is "look", would be right: a list, lines that start with -',
    ),
    "no steps": (
        GOOD[: GOOD.index("steps:")] + "steps: []",
        "bad.yaml:3: steps: is an empty list, would be right: at least one entry",
    ),
    "a step that is a word": (
        changed("- {id: look, action: look}", "- look"),
        'bad.yaml:4: steps[0]: is "look", would be right: a mapping of keys to values',
    ),
    "a step without action": (
        changed(", action: announce", ""),
        "bad.yaml:5: steps[1]: action is missing, would be right: action: look",
    ),
    "an id that is none": (
        changed("id: verify", "id: Verify it"),
        'bad.yaml:7: steps[3].id: is no id (got "Verify it"), ' + RIGHT_ID,
    ),
    "defined twice": (
        changed("budget_s: 600", "budget_s: 600\nbudget_s: 900"),
        "bad.yaml:3: budget_s: is defined twice (first at line 2), would be right: one of the two",
    ),
    "alias": (
        changed("budget_s: 600", "budget_s: &b 600"),
        'bad.yaml:2: budget_s: uses an anchor or alias (got "b"), would be right: the value itself',
    ),
    "tag": (
        changed("{en: Restart, ja: 再起動}", "!!python/object:os.system {en: a, ja: b}"),
        'bad.yaml:1: title: has a tag (got "tag:yaml.org,2002:python/object:os.system"), would be right: the value without a tag',
    ),
    "no YAML": (
        "title: [",
        "bad.yaml:1: is no YAML: expected the node content, but found '<stream end>', would be right: one document of YAML 1.2",
    ),
    "control character": ("title: \x07", 'bad.yaml:1: has a control character (got "\\u0007"), would be right: plain text'),
    "empty": ("# nothing\n", "bad.yaml:0: says nothing, would be right: title, budget_s and steps"),
    "not UTF-8": (
        b"title: {en: caf\xe9}\n",
        "bad.yaml:1: is not UTF-8 (got byte 0xe9), would be right: a text file saved as UTF-8",
    ),
    "too big": ("#" * 70_000, "bad.yaml:0: is too big, would be right: at most 65536 bytes"),
    "a power step without a bound": (
        changed(ACTS, "- {id: reboot, action: reboot}"),
        "bad.yaml:1: the steps may switch the power 1 times (max_power_actions: got 0), "
        "would be right: max_power_actions: 1, or fewer such steps (R26)",
    ),
    "more power steps than its bound": (
        changed(ACTS, "- {id: reboot, action: reboot}").replace("budget_s: 600", "budget_s: 600\nmax_power_actions: 0"),
        "bad.yaml:3: max_power_actions: the steps may switch the power 1 times (max_power_actions: got 0), "
        "would be right: max_power_actions: 1, or fewer such steps (R26)",
    ),
    "a bound that is none": (
        changed("budget_s: 600", "budget_s: 600\nmax_power_actions: 99"),
        'bad.yaml:3: max_power_actions: is out of range (got "99"), would be right: a whole number from 0 to 6',
    ),
    "power that is tried again": (
        changed(ACTS, "- {id: reboot, action: reboot, retry: {attempts: 2, every_s: 5}}").replace(
            "budget_s: 600", "budget_s: 600\nmax_power_actions: 1"
        ),
        "bad.yaml:7: steps[2].retry: reboot is not safe to repeat (R26), would be right: no retry here",
    ),
    "power switched twice": (
        changed(ACTS, "- {id: reboot, action: reboot}\n  - {id: again, action: reboot}").replace(
            "budget_s: 600", "budget_s: 600\nmax_power_actions: 2"
        ),
        "bad.yaml:8: steps[3]: does once more what an earlier step did, would be right: each action once (R26)",
    ),
    "a restart that is tried again": (
        changed("timeout_s: 90", "retry: {attempts: 2, every_s: 5}"),
        "bad.yaml:6: steps[2].retry: restart_service is not safe to repeat (R26), would be right: no retry here",
    ),
    "tried without an end": (
        changed(ACTS, f"- {{id: see, action: diagnose, retry: {{attempts: 99, every_s: 5}}}}\n  {ACTS}"),
        'bad.yaml:6: steps[2].retry.attempts: is out of range (got "99"), would be right: a whole number from 2 to 5',
    ),
    "leads back": (
        changed("timeout_s: 90", "on_failure: look"),
        'bad.yaml:6: steps[2].on_failure: leads back to where it has been: a loop (got "look"), '
        "would be right: one of continue, stop, verify",
    ),
    "leads to itself": (
        changed("timeout_s: 90", "on_failure: restart"),
        'bad.yaml:6: steps[2].on_failure: leads back to where it has been: a loop (got "restart"), '
        "would be right: one of continue, stop, verify",
    ),
    "leads nowhere": (
        changed("timeout_s: 90", "on_failure: verfy"),
        'bad.yaml:6: steps[2].on_failure: no such step (got "verfy"), would be right: one of continue, stop, verify',
    ),
    "a look that fails": (
        changed("action: announce}", "action: announce, on_failure: stop}"),
        "bad.yaml:5: steps[1].on_failure: announce does nothing to the host, would be right: no on_failure here",
    ),
    "asks itself": (
        changed("timeout_s: 90", "when: {restart: failed}"),
        'bad.yaml:6: steps[2].when: asks for what has not been done by then: a loop (got "restart"), '
        "would be right: one of fault, look, announce",
    ),
    "asks what comes later": (
        changed("timeout_s: 90", "when: {verify: down}"),
        'bad.yaml:6: steps[2].when: asks for what has not been done by then: a loop (got "verify"), '
        "would be right: one of fault, look, announce",
    ),
    "asks nobody": (
        changed("timeout_s: 90", "when: {lok: down}"),
        'bad.yaml:6: steps[2].when: no such step (got "lok"), would be right: one of fault, look, announce',
    ),
    "asks for what never is": (
        changed("timeout_s: 90", "when: {look: [down, done]}"),
        'bad.yaml:6: steps[2].when: look never ends so (got "done"), would be right: one of down, passed_over',
    ),
    "asks for a fault that is never recovered": (
        changed("timeout_s: 90", "when: {fault: resource}"),
        'bad.yaml:6: steps[2].when: fault never ends so (got "resource"), would be right: one of server, service',
    ),
    "a verify that may be passed over": (
        changed("every_s: 2}", "every_s: 2, when: {look: down}}"),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "a verify that a failure leads past": (
        changed(ACTS, ACTS.replace("timeout_s: 90", "verify: {within_s: 30}, on_failure: see")).replace(
            "  - {id: verify, action: look, until_s: 30, every_s: 2}\n", "  - {id: see, action: diagnose}\n"
        ),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "a verify that a failure in between leads past": (
        changed(ACTS, f"{ACTS}\n  - {{id: see, action: diagnose, on_failure: more}}").replace(
            "until_s: 30, every_s: 2}\n", "until_s: 30}\n  - {id: more, action: diagnose}\n"
        ),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "a verify that is stopped before": (
        changed(ACTS, f"{ACTS}\n  - {{id: see, action: diagnose, on_failure: stop}}"),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "a verify of what went well only": (
        changed("every_s: 2}", "every_s: 2, when: {restart: done}}"),
        "bad.yaml:6: steps[2]: nothing looks whether it helped, would be right: verify, or a later step with action: look",
    ),
    "verifies what changes nothing": (
        changed(ACTS, f"- {{id: see, action: diagnose, verify: {{within_s: 30}}}}\n  {ACTS}"),
        "bad.yaml:6: steps[2].verify: diagnose changes nothing that could be verified, would be right: no verify here",
    ),
    "a verify without an end": (
        changed("timeout_s: 90", "verify: {every_s: 3}"),
        "bad.yaml:6: steps[2].verify: within_s is missing, would be right: within_s: 60",
    ),
    "an id that is a word of runbooks": (
        changed("id: restart,", "id: stop,"),
        'bad.yaml:6: steps[2].id: is a word of runbooks (got "stop"), would be right: another id',
    ),
    "reached without an end": (
        changed("timeout_s: 90", "reach_s: 901"),
        'bad.yaml:6: steps[2].reach_s: is out of range (got "901"), would be right: 0 to 900 seconds',
    ),
    "what nothing can rehearse": (
        changed("restart_service, timeout_s: 90", "raid"),
        "bad.yaml:6: steps[2].action: no throwaway host can rehearse raid, would be right: an action that can be rehearsed",
    ),
    "a secret": (
        changed("restart_service, timeout_s: 90", "command, parameters: {argv: [/usr/bin/mysql, --password=hunter2]}"),
        "bad.yaml:6: steps[2].parameters.argv: looks like a secret (what was written is not shown), "
        "would be right: a file on the host that only its program may read",
    ),
    "a shell in a list": (
        changed("restart_service, timeout_s: 90", "command, parameters: {argv: [/bin/sh, -c, id]}"),
        'bad.yaml:6: steps[2].parameters.argv: does not fit (got "/bin/sh -c id"), would be right: the program itself, '
        "or a script that can be run by its own absolute path: not sh, which runs what it is told to",
    ),
    "a template in a list": (
        changed("restart_service, timeout_s: 90", "command, parameters: {argv: [/usr/bin/touch, '/tmp/{{ host }}']}"),
        'bad.yaml:6: steps[2].parameters.argv: has a template (got "/tmp/{{ host }}"), '
        "would be right: the value itself; commands hold no templates",
    ),
    "a program that is an option": (
        changed("restart_service, timeout_s: 90", "command, parameters: {argv: [-c, reboot]}"),
        'bad.yaml:6: steps[2].parameters.argv: could be read by a shell or as an option (got "-c"), '
        "would be right: at most 255 ASCII letters, digits and @ . _ : / + = , - (not a - at its start)",
    ),
    "a list": ("- a\n", "bad.yaml:1: is a list, would be right: a mapping of keys to values"),
}


def test_the_good_one_is_good(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    assert list(runbooks.load(KNOWN, tmp_path)) == ["good"]


@pytest.mark.parametrize(
    "text",
    [
        changed(ACTS, f"{ACTS}\n  - {{id: see, action: diagnose, on_failure: verify}}\n  - {{id: more, action: diagnose}}"),
        changed(ACTS, ACTS.replace("90", "90, on_failure: stop")),
        changed(ACTS, ACTS.replace("90", "90, when: {fault: service}")).replace("2}", "2, when: {fault: service}}"),
    ],
    ids=["a failure leads on to the look", "it stops where it failed itself", "both for the same fault only"],
)
def test_a_change_that_a_look_follows_on_each_way_is_good(tmp_path: Path, text: str) -> None:
    (tmp_path / "good.yaml").write_text(text, encoding="utf-8")
    assert list(runbooks.load(KNOWN, tmp_path)) == ["good"]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_runbook_is_refused_in_these_words(tmp_path: Path, case: str) -> None:
    text, said = BAD[case]
    assert mistakes(tmp_path, text) == said.replace("bad.yaml:0:", "bad.yaml:").splitlines()


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "also.yaml").write_text(without("verify"), encoding="utf-8")
    text = changed("budget_s: 600", "budget_s: never").replace("timeout_s: 90", "timeout_s: -1").replace("id: verify", "id: look")
    assert [said.split(": ")[0] for said in mistakes(tmp_path, text)] == ["also.yaml:6", "bad.yaml:2", "bad.yaml:6", "bad.yaml:7"]


def test_a_name_that_is_no_id_is_refused(tmp_path: Path) -> None:
    assert mistakes(tmp_path, GOOD, "Bad Name.yaml") == ['Bad Name.yaml: the file\'s name is no id (got "Bad Name"), ' + RIGHT_ID]


def test_a_folder_in_a_files_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").mkdir()
    with pytest.raises(RunbookError, match=r"x\.yaml: cannot be read \(Is a directory\), would be right: a regular file"):
        runbooks.load(KNOWN, tmp_path)


def test_a_pipe_in_a_files_place_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.yaml")
    with pytest.raises(RunbookError, match=r"x\.yaml: cannot be read \(no regular file\), would be right: a regular file"):
        runbooks.load(KNOWN, tmp_path)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match=r"is no folder, would be right: a folder of \.yaml files"):
        runbooks.load(KNOWN, tmp_path / "nowhere")


def test_too_many_steps_are_refused(tmp_path: Path) -> None:
    text = GOOD + "".join(f"  - {{id: look{number}, action: look}}\n" for number in range(20))
    assert mistakes(tmp_path, text) == ["bad.yaml:24: steps[20]: too many steps (got 24), would be right: at most 20"]


@settings(max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30) | st.text("a1 ;|&$`'\"\\<>(){}[]*?!~#=%,.@:-_\n\t/", max_size=12))
@example("$(reboot)")
@example("nginx\n")
@example("-f")
def test_no_parameter_that_could_become_shell_is_loaded(tmp_path: Path, value: str) -> None:
    """Also where the action itself would take anything."""
    quoted = '"' + "".join(f"\\U{ord(char):08x}" for char in value if not 0xD800 <= ord(char) < 0xE000) + '"'
    text = changed("restart_service, timeout_s: 90", f"anything, parameters: {{count: 1, text: {quoted}}}")
    (tmp_path / "tried.yaml").write_text(text, encoding="utf-8")
    if re.fullmatch(r"[A-Za-z0-9@._:/+=,][A-Za-z0-9@._:/+=,-]*", value, re.ASCII) and without_secrets(value) == value:
        assert runbooks.load(KNOWN, tmp_path)["tried"].steps[2].parameters["text"] == value
    else:
        with pytest.raises(RunbookError) as raised:
            runbooks.load(KNOWN, tmp_path)
        assert {mistake.code for mistake in raised.value.mistakes} <= {"template", "shell", "secret"}


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text("{}[]:,-&*!|>'\"%@` \n\tabc019.~?#", max_size=60).map(str.encode))
@example(b"%YAML 1.1\n---\nbudget_s: 190:20:30.15\n")
@example(b"a: " + b"9" * 5000)
@example(b"[" * 3000)
@example(b"a: &a [*a]")
@example(b"? [a]\n: b")
@example(b"a: !!float x")
def test_whatever_stands_in_a_file_mistakes_are_all_that_comes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "any.yaml").write_bytes(data)
    with pytest.raises(RunbookError):
        runbooks.load(KNOWN, tmp_path)


SECRETS = [
    "password=x",
    "--db-password=hunter2",
    "TOKEN:abc",
    "api_key=1",
    "AWS_SECRET_ACCESS_KEY=abc",
    "--secret-key=abc",
    "--passwort=abc",
    "Authorization:Bearer-abc",
    "https://abc@example.com/",
    "glpat-abcdefghij0123456789",
    "https://user:secret@example.com/",
    "ghp_abcdefghijklmnop",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9",
    "a1b2c3d4e5f6a7b8c9d0a1b2c3d4e5f6",
]
NO_SECRETS = [
    "/usr/local/bin/restart-app",
    "--pass-through",
    "nginx.service",
    "/dev/disk/by-uuid/0b5e7a3c-2c1f-4f0a-9c53-8a1e5a6b7c8d",
    "/etc/app/password-file.txt",
    "--password-file=/etc/app/password",
    "a.very.long.name.of.a.host.in.a.data.centre.example.com",
]


@pytest.mark.parametrize("word", SECRETS)
def test_what_looks_like_a_secret_is_refused_and_not_repeated(word: str) -> None:
    for value in (word, ("/usr/bin/app", word)):
        fault = parameter_fault(value)
        assert fault is not None
        assert fault.code == "secret"
        assert word not in fault.wrong + fault.right


@pytest.mark.parametrize(
    "argv",
    ["/usr/bin/app --token abc", "/usr/bin/app --db-password hunter2", "/usr/bin/app --access-token abc",
     "/usr/bin/mysql -phunter2", "/usr/bin/mysql -u root -p hunter2", "/usr/bin/curl -u admin:hunter2 http://x/"],
)  # fmt: skip
def test_a_secret_that_only_its_option_tells_is_refused_too(argv: str) -> None:
    fault = parameter_fault(tuple(argv.split()))
    assert fault is not None
    assert fault.code == "secret"


@pytest.mark.parametrize("word", NO_SECRETS)
def test_what_looks_like_none_is_not(word: str) -> None:
    assert parameter_fault(("/usr/bin/app", word)) is None


@settings(max_examples=1000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text("ab1;|&$`'\"\\<>(){}*?! #~%,.@:-_\n/", min_size=1, max_size=8), min_size=1, max_size=4))
@example(["-c", "restart"])
@example(["n"])
def test_a_list_of_arguments_arrives_as_it_was_written_or_is_refused(tmp_path: Path, words: list[str]) -> None:
    argv = ["/usr/bin/app", *words]
    listed = ", ".join('"' + "".join(f"\\U{ord(char):08x}" for char in word) + '"' for word in argv)
    text = changed("restart_service, timeout_s: 90", f"command, parameters: {{argv: [{listed}]}}")
    (tmp_path / "tried.yaml").write_text(text, encoding="utf-8")
    line = " ".join(argv)
    if all(re.fullmatch(r"[A-Za-z0-9@._:/+=,-]+", word, re.ASCII) for word in words) and without_secrets(line) == line:
        found = runbooks.load(KNOWN, tmp_path)["tried"].steps[2].parameters["argv"]
        assert found == tuple(argv)
        assert isinstance(found, tuple)
        assert shlex.split(shlex.join(found)) == argv
        assert " ".join(found) == shlex.join(found), "no shell needs a quote"
    else:
        with pytest.raises(RunbookError) as raised:
            runbooks.load(KNOWN, tmp_path)
        assert {mistake.code for mistake in raised.value.mistakes} <= {"template", "shell", "secret"}
