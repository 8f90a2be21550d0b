"""Every message in every language says all that R3 asks for, on every channel, whatever its facts hold."""

import email
import email.parser
import email.policy
import re
from dataclasses import replace
from email.message import Message as Compat32Message

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_messages import ACK_URL, FACTS, LANGUAGES, OF_OPERATORS, POLICY, a_notify

from domain.commands import Message, Notify
from domain.events import RunOutcome
from domain.facts import OF_MESSAGE, Next
from domain.model import Language, Policy
from domain.wording import shown
from notify import CHANNELS, DeliveryError, Settings
from notify.findings import FINDINGS
from notify.mail import compose, compose_digest, message_id
from notify.meanings import BY_KIND, BY_LEVEL, NAMES, meaning
from notify.text import write
from notify.webhook import payload

SETTINGS = Settings(resolve=lambda secret: f"secret of {secret.name}", ack_url=lambda page: ACK_URL)
EVERY = [(message, language) for message in Message for language in LANGUAGES]
WITHOUT_END = (Message.OCCURRED, Message.FINDING)
"""Of no fault and no incident."""
OF_CUSTOMERS = [(message, language) for message, language in EVERY if message not in (*OF_OPERATORS, *WITHOUT_END)]

WAITS = {Next.RECOVER_AFTER_WAIT, Next.PEOPLE_AFTER_WAIT}
R3 = {
    "ja": ("検知した内容", "お客様への影響", "今後の対応", "検知日時", "経過時間", "監視項目", "測定値", "検知の条件",
           "ホスト", "IP アドレス", "FQDN", "機器種別", "OS", "送信専用"),
    "en": ("What was detected", "What it means for you", "What happens next", "Detected", "So far", "Item", "Value", "Trigger",
           "Host", "IP address", "FQDN", "Device type", "OS", "only sends"),
}  # fmt: skip


def parsed(content: bytes) -> Compat32Message:
    """By the standard library's other, older parser, which shares no header code with the one that composes."""
    return email.parser.BytesParser(policy=email.policy.compat32).parsebytes(content)


def body_of(message: Compat32Message) -> str:
    content = message.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def mail_of(notify: Notify, policy: Policy = POLICY) -> Compat32Message:
    return parsed(compose(notify, policy, ACK_URL).as_bytes())


@pytest.mark.parametrize(("message", "language"), OF_CUSTOMERS)
def test_a_customers_mail_carries_all_of_r3(message: Message, language: Language) -> None:
    body = body_of(mail_of(a_notify(message, language)))
    for title in R3[language]:
        assert title in body
    for fact in ("incident", "label", "address", "fqdn", "device_type", "os", "customer_name", "item", "detail"):
        assert str(FACTS[fact]) in body
    assert {"ja": "2025-01-02(木) 03:04:00 +09:00", "en": "Thu 2025-01-02 03:04:00 +09:00"}[language] in body
    assert {"ja": "2 分", "en": "2 min"}[language] in body
    assert {"ja": "3 回続けて", "en": "3 failed checks in a row"}[language] in body
    assert "火の見 Monitoring <alert@example.test>" in body


@pytest.mark.parametrize(("message", "language"), OF_CUSTOMERS)
def test_how_long_it_lasted_is_not_said_where_nobody_knows(message: Message, language: Language) -> None:
    text = write(a_notify(message, language, down_s=None), POLICY.brand, language)
    assert {"ja": "不明(監視システムの時計が修正されたため)", "en": "not known, as our clock was set"}[language] in text.body
    assert "None" not in text.subject + text.body
    assert not re.search(r"\b2 (分|min)|継続 |障害は *続|lasted \.|\(\)", text.subject + text.body)


@pytest.mark.parametrize(("message", "language"), EVERY)
def test_a_subject_names_brand_level_and_host(message: Message, language: Language) -> None:
    """R2."""
    subject = write(a_notify(message, language), POLICY.brand, language).subject
    start = r"\[火の見 Monitoring\]" + {Message.NOTICE: r"\[(Notice|通知)\]", Message.PAGE: r"\[(PAGE|呼出)\]\[Lv\.4\]"}.get(
        message, r"\[Lv\.4\]"
    )
    assert re.match(start + r" web01\b.+", subject)


def test_the_subject_of_a_service_and_of_a_threshold() -> None:
    """R2: for a threshold the current value."""
    assert write(a_notify(language="en"), POLICY.brand, "en").subject == "[火の見 Monitoring][Lv.4] web01 HTTP is down"
    load = a_notify(language="en", kind="load", threshold="≥ 24", value=31.2, item="load 192.0.2.10")
    text = write(load, POLICY.brand, "en")
    assert text.subject == "[火の見 Monitoring][Lv.4] web01 Load avg. ≥ 24 (now 31.2)"
    assert re.search(r"Value +31\.2\n", text.body)
    assert re.search(r"Trigger +≥ 24, 3 failed checks in a row\n", text.body)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", list(Next))
def test_what_happens_next_is_only_what_was_promised(code: Next, language: Language) -> None:
    """R3, R20, R4: each answer has words of its own, and only a wait names a time."""
    body = write(a_notify(language=language, next=str(code), wait_s=900.0), POLICY.brand, language).body
    others = [
        write(a_notify(language=language, next=str(other), wait_s=900.0), POLICY.brand, language).body
        for other in Next
        if other is not code
    ]
    assert body not in others
    assert ({"ja": "15 分", "en": "15 min"}[language] in body) == (code in WAITS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_meanings_follow_the_level(language: Language) -> None:
    """R4a: every level of the four resources, and R1's levels for the rest, in the same places of both languages."""
    for kind in ("load", "mailqueue", "disk", "inode"):
        said = [meaning(kind, level, language) for level in (2, 3, 4)]
        assert len(set(said)) == 3
        assert not set(said) & set(BY_LEVEL[language].values())
        for level in (2, 3, 4):
            assert (
                meaning(kind, level, language)
                in write(a_notify(language=language, kind=kind, level=level), POLICY.brand, language).body
            )
    assert set(BY_LEVEL[language]) == {2, 3, 4, 5}
    assert BY_KIND["ja"].keys() == BY_KIND["en"].keys()
    assert NAMES["ja"].keys() == NAMES["en"].keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_can_be_acknowledged_and_explained(language: Language) -> None:
    body = body_of(mail_of(a_notify(Message.PAGE, language)))
    for text in (ACK_URL, "hikeshi ack INC-000123", "hikeshi explain INC-000123", "the service stopped again", "株式会社サンプル"):
        assert text in body
    without = write(a_notify(Message.PAGE, language), POLICY.brand, language, ack_url=None).body
    assert "http" not in without.replace("http 192.0.2.10", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_a_recovery_came_about_is_told_truly(language: Language) -> None:
    """R4."""
    told = [
        write(
            a_notify(Message.RECOVERED, language, acted=acted, outcome=outcome, recovered_at_s=1_735_754_645.0),
            POLICY.brand,
            language,
        ).body
        for acted, outcome in ((True, "fixed"), (True, "not_fixed"), (False, "lost"), (False, "not_fixed"))
    ]
    assert len(set(told)) == 4
    assert all("03:04:05 +09:00" in body for body in told)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("message", [Message.NOT_RECOVERED, Message.PAGE])
def test_work_is_claimed_only_where_something_was_done(message: Message, language: Language) -> None:
    """R25: and of a run that was lost nothing is claimed."""
    told = [
        write(a_notify(message, language, acted=acted, outcome=outcome), POLICY.brand, language).body
        for acted, outcome in ((True, "not_fixed"), (False, "not_fixed"), (False, "lost"))
    ]
    worked = {"ja": "作業を行いました", "en": "We worked on the server|Automatic work was done on the host"}[language]
    untouched = {
        # the customer was told that work starts: that nothing was done would contradict it
        Message.NOT_RECOVERED: {"ja": "作業は、実施できませんでした", "en": "The automatic work on the server could not be done"},
        Message.PAGE: {"ja": "作業は行っていません", "en": "No automatic work was done on the host"},
    }[message][language]
    assert [bool(re.search(worked, body)) for body in told] == [True, False, False]
    assert [bool(re.search(untouched, body)) for body in told] == [False, True, False]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_was_seen_at_the_fault_is_not_called_the_value_after_a_recovery(language: Language) -> None:
    labels = {"ja": ("障害時の測定値    connection refused", "  測定値"), "en": ("Fault's value     connection refused", "  Value")}
    over = body_of(mail_of(a_notify(Message.RECOVERED, language, recovered_at_s=1_735_754_645.0)))
    assert labels[language][0] in over
    assert labels[language][1] not in over
    assert labels[language][1] in body_of(mail_of(a_notify(Message.FAULT, language)))


@pytest.mark.parametrize(("message", "language"), [item for item in EVERY if item[0] not in (Message.NOTICE, *WITHOUT_END)])
def test_what_still_burns_is_not_said_to_have_lasted(message: Message, language: Language) -> None:
    over, so_far = {"ja": ("  継続時間 ", "  経過時間 "), "en": ("  Lasted ", "  So far ")}[language]
    burns, is_over = (body_of(mail_of(a_notify(message, language, recovered_at_s=at_s))) for at_s in (None, 1_735_754_645.0))
    assert (so_far in burns, over in burns) == (True, False)
    assert (so_far in is_over, over in is_over) == (False, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_only_happened_is_told_as_over(language: Language) -> None:
    """R3, as far as there is anything: no fault, no incident, no time that it lasts, and nothing that follows."""
    mail = a_notify(
        Message.OCCURRED, language, kind="snmp-trap", level=3, detail="coldStart", item="snmp-trap 192.0.2.10", incident=None
    )
    text = write(mail, POLICY.brand, language)
    assert (
        text.subject
        == {
            "ja": "[火の見 Monitoring][Lv.3] web01 SNMP トラップ通知: coldStart",
            "en": "[火の見 Monitoring][Lv.3] web01 SNMP trap: coldStart",
        }[language]
    )
    for title in set(R3[language]) - {"経過時間", "測定値", "検知の条件", "So far", "Value", "Trigger"}:
        assert title in text.body
    assert {"ja": "復旧のお知らせは行いません", "en": "no recovery will be told"}[language] in text.body
    assert not {"None", "障害", "INC-"} & set(re.findall(r"None|障害|INC-", text.body))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("proposal", ["", "Please look at the tape."])
@pytest.mark.parametrize("pattern", ["disk", "backup"])
def test_a_line_of_a_log_is_told_with_its_text_and_a_proposal(language: Language, proposal: str, pattern: str) -> None:
    """C40. The inventory's own words come first; what it has named itself has others beside its name only where it gives them."""
    line = "kernel: I/O error, dev sda, sector 12345"
    mail = a_notify(Message.FINDING, language, kind="syslog", level=2, detail=line, item="syslog 192.0.2.10", incident=None)
    facts = {**mail.facts, "finding": pattern, "proposal": proposal}
    text = write(replace(mail, facts=facts), POLICY.brand, language)
    known = FINDINGS[language].get(pattern)
    said = {"ja": "システムログ", "en": "System log"}[language]
    assert text.subject == f"[火の見 Monitoring][Lv.2] web01 {said}: {known.name if known is not None else pattern}"
    for words in (line, proposal, known.meaning if known is not None else ""):
        assert "".join(words.split()) in "".join(text.body.split())
    if known is not None:
        assert ("".join(known.proposal.split()) in "".join(text.body.split())) is (proposal == "")
    assert {"ja": "作業は行いません", "en": "Nothing is done to the server"}[language] in text.body
    assert not {"None", "INC-"} & set(re.findall(r"None|INC-", text.body))


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_all_clear_says_what_has_recovered_and_how(language: Language) -> None:
    """It went to who was paged: whoever is woken by it reads in its subject that it is over."""
    facts = {name: FACTS[name] for name in OF_MESSAGE[Message.RECOVERED]} | {"recovered_at_s": 1_735_754_645.0, "down_s": 10.2}
    said = {
        "ja": ("[通知] web01 HTTP 復旧 (継続 10 秒)", "株式会社サンプル"),
        "en": ("[Notice] web01 HTTP has recovered (10 s)", "株式会社サンプル"),
    }
    hows = set()
    for acted, outcome in ((True, "fixed"), (True, "not_fixed"), (False, "lost"), (False, None)):
        text = write(
            a_notify(Message.NOTICE, language, facts={**facts, "reason": "recovered", "acted": acted, "outcome": outcome}),
            POLICY.brand,
            language,
        )
        assert text.subject.endswith(said[language][0])
        assert said[language][1] in text.body
        hows.add(text.body)
    assert len(hows) == 4
    unknown = {**facts, "reason": "recovered", "acted": False, "outcome": None, "down_s": None}
    assert "(" not in write(a_notify(Message.NOTICE, language, facts=unknown), POLICY.brand, language).subject


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", list(RunOutcome))
def test_how_a_run_ended_is_said_in_words(outcome: RunOutcome, language: Language) -> None:
    said = shown("outcome", str(outcome), "UTC", language)
    assert "_" not in said
    assert language == "en" or not said.isascii()
    page = body_of(mail_of(a_notify(Message.PAGE, language, outcome=str(outcome))))
    assert {"ja": f"結果: {said}", "en": f"Outcome: {said}."}[language] in page


@pytest.mark.parametrize(("message", "language"), EVERY)
def test_headers(message: Message, language: Language) -> None:
    mail = mail_of(a_notify(message, language))
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"] == "Thu, 02 Jan 2025 03:04:05 +0900"
    assert mail["Content-Language"] == language
    assert mail["Content-Transfer-Encoding"] == "base64"
    assert re.fullmatch(r"<[0-9a-f]{32}@example\.test>", mail["Message-ID"])
    assert mail["In-Reply-To"] == mail["References"] == message_id(str(FACTS["first_key"]), "alert@example.test")


@pytest.mark.parametrize(("message", "language"), EVERY)
def test_the_same_command_gives_the_same_bytes(message: Message, language: Language) -> None:
    """R9: what is handed over twice can be recognised."""
    notify = a_notify(message, language)
    assert compose(notify, POLICY, ACK_URL).as_bytes() == compose(notify, POLICY, ACK_URL).as_bytes()
    operator = POLICY.operators[f"operator-{language}"]
    assert payload([notify], POLICY, operator, SETTINGS) == payload([notify], POLICY, operator, SETTINGS)
    other = a_notify(message, language, key="INC-000123/9/other")
    assert parsed(compose(other, POLICY, ACK_URL).as_bytes())["Message-ID"] != mail_of(notify)["Message-ID"]


def test_the_first_mail_is_the_root_of_its_thread() -> None:
    root = mail_of(a_notify(key="INC-000123/1/fault/mail/customer"))
    assert "References" not in root
    later = mail_of(a_notify(Message.RECOVERED))
    assert later["References"] == root["Message-ID"]


@pytest.mark.parametrize("message", OF_OPERATORS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_webhook_says_what_the_mail_says(message: Message, language: Language) -> None:
    notify = a_notify(message, language, channel="webhook")
    document = payload([notify], POLICY, POLICY.operators[f"operator-{language}"], SETTINGS)
    assert (document["version"], document["key"]) == (1, notify.key)
    assert isinstance(document["messages"], list)
    (said,) = document["messages"]
    mail = mail_of(notify)
    assert said["text"] == body_of(mail)
    assert said["ack_url"] == (ACK_URL if message is Message.PAGE else None)
    assert said["facts"] == dict(notify.facts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_digest_carries_every_subject_and_body_in_order(language: Language) -> None:
    """R9."""
    notifies = [
        a_notify(message, language, key=f"k{number}", first_key=f"root{number}") for number, (message, _) in enumerate(OF_CUSTOMERS)
    ]
    mail = parsed(compose_digest(notifies, POLICY, SETTINGS).as_bytes())
    body, at = body_of(mail), 0
    for notify in notifies:
        text = write(notify, POLICY.brand, language)
        at = body.index(text.subject, at)
        assert body.count(text.subject) >= 2  # in the contents and above its text
    for notify in notifies:
        assert write(notify, POLICY.brand, language).body in body
    positions = [body.index(f"{number} / {len(notifies)}  ") for number in range(1, len(notifies) + 1)]
    assert positions == sorted(positions)
    assert mail["References"].split() == [message_id(f"root{number}", "alert@example.test") for number in range(len(notifies))]
    assert max(len(line) for line in compose_digest(notifies, POLICY, SETTINGS).as_bytes().split(b"\r\n")) <= 78


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_recipient_that_left_the_inventory_is_a_refusal_for_good(channel: str) -> None:
    notify = a_notify(Message.PAGE)
    gone = Notify(
        key="k",
        incident=None,
        host=None,
        message=Message.PAGE,
        audience="operator",
        recipient="nobody",
        channel=channel,
        facts=notify.facts,
    )
    with pytest.raises(DeliveryError, match="operator nobody is no longer in the inventory") as caught:
        CHANNELS[channel]([gone], POLICY, SETTINGS)
    assert caught.value.permanent


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("fact", "value", "says"), [("label", None, "label is a NoneType"), ("x", 1, "x is not documented")])
def test_facts_that_cannot_be_written_are_a_refusal_for_good(channel: str, fact: str, value: int | None, says: str) -> None:
    with pytest.raises(DeliveryError, match=says) as caught:
        CHANNELS[channel]([a_notify(Message.PAGE, facts={fact: value})], POLICY, SETTINGS)
    assert caught.value.permanent


TEXT_FACTS = [
    name
    for name in OF_MESSAGE[Message.FAULT]
    if isinstance(FACTS[name], str) and name not in ("customer", "zone", "kind", "next", "first_key")
]
EVIL = st.one_of(
    st.text(max_size=200),
    st.sampled_from(
        [
            "web01\r\nBcc: everybody@example.test",
            "web01\n\n--\nForged",
            "{{ 7 * 7 }}{% for x in y %}",
            "<script>alert(1)</script>",
            "=?utf-8?q?=0D=0ABcc:_x?=",
            "=??Q?=0D0",
            "=??Q?=80",
            "\u202egnp.exe\u2028Subject: x",
            "\ud800 lone surrogate",
            "あ" * 300,
            "x" * 2000,
            "a\x00b\x1b[31m",
        ]
    ),
)


@given(
    fact=st.sampled_from(TEXT_FACTS),
    evil=EVIL,
    language=st.sampled_from(LANGUAGES),
    message=st.sampled_from([m for m, _ in OF_CUSTOMERS]),
)
def test_no_fact_can_forge_a_header_or_a_line(fact: str, evil: str, language: Language, message: Message) -> None:
    # compared with a harmless word in the same place: an empty fact may leave its line out
    harmless = mail_of(a_notify(message, language, facts={fact: "harmless"}))
    mail = mail_of(a_notify(message, language, facts={fact: evil or "x"}))
    assert sorted(mail.keys()) == sorted(harmless.keys())
    assert mail["To"] == harmless["To"]
    assert mail["Message-ID"] == harmless["Message-ID"]
    body = body_of(mail)
    if evil.strip():
        assert abs(len(body.split("\n")) - len(body_of(harmless).split("\n"))) <= 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u2028\u2029]", body)
    raw = compose(a_notify(message, language, facts={fact: evil}), POLICY).as_bytes()
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    raw.decode("ascii")


@given(name=EVIL)
def test_no_name_of_a_brand_or_contact_can_forge_a_header(name: str) -> None:

    customer = POLICY.customers["aozora"]
    contact = replace(customer.contacts[0], name=name)
    policy = replace(POLICY, brand=replace(POLICY.brand, name=name), customers={"aozora": replace(customer, contacts=(contact,))})
    mail = mail_of(a_notify(), policy)
    assert sorted(mail.keys()) == sorted(mail_of(a_notify()).keys())
    assert mail["To"].endswith("<customer@example.test>") or mail["To"] == "customer@example.test"


@pytest.mark.parametrize("count", [1, 3])
def test_references_of_a_long_domain_stay_readable(count: int) -> None:
    """The library alone would cut an id that is longer than a line into encoded words, which no mail reader joins again."""
    sender = f"alert@{'long-' * 10}name.example.test"
    policy = replace(POLICY, brand=replace(POLICY.brand, sender=sender))
    notifies = [a_notify(key=f"k{number}", first_key=f"root{number}") for number in range(count)]
    content = (compose_digest(notifies, policy, SETTINGS) if count > 1 else compose(notifies[0], policy)).as_bytes()
    mail = parsed(content)
    assert mail["References"].split() == [message_id(f"root{number}", sender) for number in range(count)]
    assert b"=?" not in content[content.index(b"References:") : content.index(b"Subject:")]
