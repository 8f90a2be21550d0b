"""The page of a rehearsal says what was done, by whose runbook, and how it ended; in both languages, without fetching anything."""

import re
from dataclasses import replace

import pytest
from sample_messages import LANGUAGES

from domain.model import Language
from reports.rehearsal import WORDS, Rehearsed, RehearsedStep, page


def rehearsed(*, passed: bool = True, trouble: str = "") -> Rehearsed:
    looks = [RehearsedStep("verify", "look", "down", 5.0 + at, 5.0 + at, "web01/http down") for at in range(30)]
    return Rehearsed(
        runbook="restart-service",
        title="Restart the service",
        version="e268" * 16,
        fault="service-killed",
        fault_text="the service is killed <b>",
        passed=passed,
        outcome="fixed" if passed else "not_fixed",
        trouble=trouble,
        began_s=1.0,
        ended_s=36.0,
        by="noc",
        program="0.1.0",
        steps=(
            RehearsedStep(
                "restart",
                "restart_service",
                "done",
                2.0,
                4.5,
                "restarted",
                "systemctl show nginx && sudo -n systemctl restart nginx",
            ),
            *looks,
            RehearsedStep("verify", "look", "up", 36.0, 36.0, "web01/http up"),
        ),
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_says_what_a_person_must_know_to_answer_for_it(language: Language) -> None:
    text = page(rehearsed(), language, "Asia/Tokyo")
    for said in ("e268" * 16, "service-killed", "sudo -n systemctl restart nginx", "2.5 s", "noc", WORDS[language]["passed"]):
        assert said in text
    assert "hikeshi runbook approve restart-service" in text
    assert "the service is killed &lt;b&gt;" in text
    assert not re.search(r"(src|href)=|url\(|@import", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_names_the_steps_that_were_not_reached(language: Language) -> None:
    assert WORDS[language]["unreached"] not in page(rehearsed(), language, "UTC")
    text = page(replace(rehearsed(), unreached=("rescue", "fsck")), language, "UTC")
    assert f"{WORDS[language]['unreached']}: <code>rescue, fsck</code>" in text


def test_what_was_seen_again_and_again_is_one_row() -> None:
    text = page(rehearsed(), "en", "UTC")
    assert text.count("web01/http down") == 1
    assert "30 times" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_failed_says_why_and_offers_no_approval(language: Language) -> None:
    text = page(rehearsed(passed=False, trouble="verify: web01/http down"), language, "UTC")
    assert WORDS[language]["failed"] in text
    assert "verify: web01/http down" in text
    assert "runbook approve" not in text


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["ja"].keys() == WORDS["en"].keys()
