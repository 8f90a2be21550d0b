"""Subject and body of a message: templates/mail/{ja,en}, filled with the facts of the command.

A template's first line is the subject, the rest is the body.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from domain.commands import Fact, Facts, Notify
from domain.facts import problems
from domain.model import Brand, Language
from domain.reasons import Code
from domain.wording import duration, minutes, moment, number, padded, plain, shortened, shown
from notify.findings import Words, words
from notify.meanings import meaning, name
from notify.reasons import explain

SUBJECT_MAX = 200


@dataclass(frozen=True, slots=True)
class Text:
    """One line of subject; a body of lines that end in ``\\n``. Neither holds a control character."""

    subject: str
    body: str


@cache
def environment(language: Language) -> ImmutableSandboxedEnvironment:
    """The templates of a language. Plain text: nothing to escape; every fact was made harmless before (``plain``)."""
    env = ImmutableSandboxedEnvironment(
        loader=PackageLoader("templates", f"mail/{language}"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters["padded"] = padded
    env.filters["number"] = number
    return env


def write(notify: Notify, brand: Brand, language: Language, ack_url: str | None = None) -> Text:
    """The text of one message. Facts that are missing, unknown or of a wrong type raise ``ValueError``."""
    wrong = problems(notify.message, notify.facts)
    if wrong:
        raise ValueError("; ".join(wrong))
    facts = notify.facts
    zone = str(facts["zone"])
    reason = facts.get("reason")
    harmless = {fact: _harmless(value) for fact, value in facts.items()}
    context = harmless | {
        "brand": plain(brand.name),
        "sender": plain(brand.sender),
        "why": explain(Code(str(reason)), facts, language, zone) if reason is not None else "",
        "ack_url": ack_url,
        "outcome_said": shown("outcome", facts.get("outcome"), zone, language),
        # a check that has left the inventory has no kind any more; its host stands beside it
        "name": name(str(harmless.get("kind", "")), language) or str(harmless.get("check", "")).rpartition("/")[2],
        "moment": lambda at_s: moment(at_s, zone, language),
        "minutes": lambda seconds: minutes(seconds, language),
        "duration": lambda seconds: duration(seconds, language),
        "finding_said": _found(facts, language),
        "meaning": lambda kind, level: meaning(kind, level, language),
    }
    return _fill(f"{notify.message}.txt", language, context)


def _found(facts: Facts, language: Language) -> Words | None:
    pattern = facts.get("finding")
    return words(plain(str(pattern)), plain(str(facts["proposal"])), language) if pattern is not None else None


def _harmless(value: Fact) -> Fact:
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    return plain(value) if isinstance(value, str) else value


def write_digest(parts: Sequence[Text], level: int | None, brand: Brand, language: Language) -> Text:
    """One text that carries every subject and body of ``parts``, in their order (R9); ``level`` is the worst of them."""
    context = {"brand": plain(brand.name), "sender": plain(brand.sender), "parts": parts, "level": level}
    return _fill("digest.txt", language, context)


def _fill(template: str, language: Language, context: Mapping[str, object]) -> Text:
    subject, _, body = environment(language).get_template(template).render(context).partition("\n")
    lines = [line.rstrip() for line in body.strip("\n").split("\n")]
    return Text(shortened(plain(subject), SUBJECT_MAX), "\n".join(lines) + "\n")
