"""The page of a rehearsal: what a runbook did to a throwaway host, for the person who is to answer for it. One HTML file that
fetches nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from domain.model import Language
from domain.wording import NOTHING, duration, moment, shown

WORDS: dict[Language, dict[str, str]] = {
    "ja": {
        "title": "手順の予行",
        "passed": "合格",
        "failed": "不合格",
        "said_passed": "障害を起こしたホストで手順 {runbook} を実行し、復旧を確認しました。",
        "said_failed": "障害を起こしたホストで手順 {runbook} を実行しましたが、復旧を確認できませんでした。",
        "runbook": "手順",
        "version": "内容のハッシュ(SHA-256)",
        "fault": "起こした障害",
        "written": "実施日時",
        "by": "実施者",
        "outcome": "手順の結果",
        "lasted": "障害の確認から手順の終了まで",
        "program": "hikeshi の版",
        "steps": "実行した内容",
        "unreached": "この予行では実行されなかったステップ",
        "time": "経過",
        "step": "ステップ",
        "took": "所要",
        "result": "結果",
        "after": "{span}後",
        "times": "{count} 回",
        "next": "内容を確かめたうえで、次のコマンドで承認できます。",
        "not_next": "合格するまで、この内容では承認できません。",
        "footer": "使い捨てのホストでの実行記録から自動で作成されました。お客様のホストには何も行っていません。",
    },
    "en": {
        "title": "Rehearsal of a runbook",
        "passed": "passed",
        "failed": "failed",
        "said_passed": "The runbook {runbook} was run on a host with a real fault, and the host was seen to recover.",
        "said_failed": "The runbook {runbook} was run on a host with a real fault, and the host was not seen to recover.",
        "runbook": "Runbook",
        "version": "Content hash (SHA-256)",
        "fault": "Fault brought about",
        "written": "Rehearsed",
        "by": "By",
        "outcome": "How the run ended",
        "lasted": "From the fault's confirmation to the run's end",
        "program": "hikeshi",
        "steps": "What was done",
        "unreached": "Steps that this rehearsal has not reached",
        "time": "After",
        "step": "Step",
        "took": "Took",
        "result": "Result",
        "after": "{span}",
        "times": "{count} times",
        "next": "Having read it, somebody may answer for it with:",
        "not_next": "As it is, it can't be approved until it passes.",
        "footer": "Written automatically from the records of a run on a throwaway host. Nothing was done to any customer's host.",
    },
}


@dataclass(frozen=True, slots=True)
class RehearsedStep:
    """One attempt of the run; times are UTC epoch seconds, ``outcome`` a value of ``domain.procedure.StepOutcome``."""

    step: str
    action: str
    outcome: str
    began_s: float
    ended_s: float
    detail: str = ""
    command_line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """All that the page says. ``outcome`` is a value of ``domain.events.RunOutcome``, or empty where the run did not end;
    ``trouble``: why it failed otherwise; ``unreached``: ids of steps that act and were not done."""

    runbook: str
    title: str
    version: str
    fault: str
    fault_text: str
    passed: bool
    outcome: str
    trouble: str
    began_s: float
    ended_s: float
    by: str
    program: str
    steps: tuple[RehearsedStep, ...]
    unreached: tuple[str, ...] = ()


def page(rehearsed: Rehearsed, language: Language, zone: str) -> str:
    """The HTML."""
    words = WORDS[language]
    verdict = "passed" if rehearsed.passed else "failed"
    return (
        _environment()
        .get_template("rehearsal.html")
        .render(
            language=language,
            words=words,
            rehearsed=rehearsed,
            verdict=verdict,
            said=words[f"said_{verdict}"].format(runbook=rehearsed.runbook),
            outcome=shown("outcome", rehearsed.outcome, zone, language),
            moment=moment(rehearsed.began_s, zone, language),
            lasted=duration(rehearsed.ended_s - rehearsed.began_s, language),
            rows=[_row(steps, rehearsed, language, zone) for steps in _repeated(rehearsed.steps)],
            nothing=NOTHING,
        )
    )


def _repeated(steps: Sequence[RehearsedStep]) -> Iterator[tuple[RehearsedStep, ...]]:
    """What was looked at again and again, and seen the same, is one row."""
    for _, group in groupby(steps, key=lambda step: (step.step, step.outcome, step.detail)):
        yield tuple(group)


def _row(steps: tuple[RehearsedStep, ...], rehearsed: Rehearsed, language: Language, zone: str) -> dict[str, str | list[str]]:
    step, words = steps[0], WORDS[language]
    return {
        "after": words["after"].format(span=duration(step.began_s - rehearsed.began_s, language)),
        "times": words["times"].format(count=len(steps)) if len(steps) > 1 else "",
        "step": step.step,
        "action": shown("action", step.action, zone, language),
        "took": f"{max(0.0, steps[-1].ended_s - step.began_s):.1f} s",
        "outcome": shown("outcome", step.outcome, zone, language),
        "good": "yes" if step.outcome in ("done", "up") else "no" if step.outcome not in ("down",) else "was",
        "detail": step.detail,
        "commands": step.command_line.split(" && ") if step.command_line else [],
    }


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "report"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
