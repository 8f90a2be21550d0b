"""Every reason code has words in ja and en and a source; the words speak of documented facts only."""

import re

import pytest
from sample_messages import LANGUAGES

from domain.commands import Fact
from domain.facts import FACTS
from domain.model import Language
from domain.reasons import SPEC, Code
from engine.reporting import UNSAID
from notify.reasons import FOR_CUSTOMERS, TEXT, TOLD_IN_MAILS, explain, for_customer, speaks_of

ALL: dict[str, Fact] = {
    name: ("first", "second")
    if tuple in spec.types
    else f"the {name}"
    if str in spec.types
    else True
    if bool in spec.types
    else 1_735_754_645
    for name, spec in FACTS.items()
}


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_words_and_a_source(code: Code) -> None:
    assert re.fullmatch(r"[CRP]\d+a?", SPEC[code])
    assert set(TEXT) == set(LANGUAGES)
    for language in LANGUAGES:
        assert TEXT[language][code].endswith({"ja": ("。", "。)", ")", "}"), "en": (".", ".)", ")", "}")}[language])
    assert speaks_of(code) <= FACTS.keys()


def test_no_two_codes_read_alike() -> None:
    for language in LANGUAGES:
        assert len(set(TEXT[language].values())) == len(Code)
        assert TEXT[language].keys() == set(Code)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", list(Code))
def test_every_fact_a_text_speaks_of_is_shown(code: Code, language: Language) -> None:
    said = explain(code, ALL, language, "Asia/Tokyo")
    for name in re.findall(r"\{(\w+)\}", TEXT[language][code]):
        expected = {"ja": "2025-01-02(木) 03:04:05 +09:00", "en": "Thu 2025-01-02 03:04:05 +09:00"}[language]
        value = ALL[name]
        assert (f"the {name}" if isinstance(value, str) else "first, second" if isinstance(value, tuple) else expected) in said or (
            name in ("wait_s", "window_s", "level", "previous_level", "limit", "running", "changes")
        )
    assert "{" not in said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", list(Code))
def test_an_old_record_that_lacks_facts_stays_readable(code: Code, language: Language) -> None:
    said = explain(code, {}, language, "Asia/Tokyo")
    assert said
    assert "(—" not in said
    assert "{" not in said


def test_times_are_the_readers() -> None:
    """R7."""
    facts: dict[str, Fact] = {"pause": "weekly", "until_s": 1_735_754_645}
    assert explain(Code.GATE_PAUSE, facts, "en", "Europe/London") == (
        "Not done within the pause weekly. (It lasts until Wed 2025-01-01 18:04:05 +00:00.)"
    )
    assert explain(Code.GATE_PAUSE, facts, "ja", "Asia/Tokyo") == (
        "監視休止 weekly の間は作業を行いません。(2025-01-02(木) 03:04:05 +09:00 まで)"
    )


def test_a_reason_that_a_person_gave_cannot_bring_markup_or_fields() -> None:
    facts: dict[str, Fact] = {"by": "noc", "why": "{by.__class__}\n\x1b[31m<b>"}
    assert explain(Code.NOTED, facts, "en", "UTC") == "Note by noc: {by.__class__} [31m<b>"


def test_a_refused_run_is_not_said_to_have_done_nothing() -> None:
    """As a page's reason it is used only where something had been done before."""
    assert explain(Code.RUN_REFUSED, ALL, "ja", "UTC").startswith("手順の次の作業は、安全装置により見合わせました。")
    assert explain(Code.RUN_REFUSED, ALL, "en", "UTC").startswith("A guard-rail refused what the runbook was about to do.")


def test_who_asked_for_a_run_and_why_is_said() -> None:
    """P41. One of the engine's own has neither."""
    own: dict[str, Fact] = {"runbook": "restart-service"}
    asked = {**own, "by": "noc"}
    for code in (Code.RUN_STARTED, Code.ADMITTED):
        assert "noc" in explain(code, asked, "en", "UTC")
        for language in LANGUAGES:
            said = explain(code, {**asked, "why": "to be sure"}, language, "UTC")
            assert "noc" in said
            assert "to be sure" in said
    assert explain(Code.RUN_STARTED, own, "en", "UTC") == "The runbook restart-service was ordered to run."
    assert explain(Code.RUN_STARTED, asked, "en", "UTC") == "The runbook restart-service was ordered to run. (Asked for by noc.)"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_decision_claims_no_delivery(language: Language) -> None:
    """Deciding queues a message; only DELIVERED says that somebody took it."""
    claims = {"en": re.compile(r"was told|was paged"), "ja": re.compile("お知らせしました|呼び出しました")}[language]
    assert [code for code in Code if claims.search(TEXT[language][code])] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", sorted(set(Code) - UNSAID))
def test_customers_read_nothing_that_stays_inside(code: Code, language: Language) -> None:
    """Neither operators' words and names, nor who does the work, nor what a failed command answered; and no gap in their place."""
    said = for_customer(code, ALL, language, "Asia/Tokyo")
    for name in ("by", "why", "recipient", "error", "outcome_detail", "path", "version", "run", "event"):
        assert f"the {name}" not in re.sub(f"the {name}(?=\\w)|the runbook", "", said)
    assert ("the detail" in said) is (code in TOLD_IN_MAILS)
    assert "—" not in said
    assert FOR_CUSTOMERS["ja"].keys() == FOR_CUSTOMERS["en"].keys()
