"""Messages as the engine decides them, for tests of every channel."""

from domain.commands import NO_FACTS, Fact, Facts, Message, Notify
from domain.facts import OF_MESSAGE
from domain.model import Brand, Contact, Customer, Language, OnCall, Operator, Policy, Secret

LANGUAGES: tuple[Language, ...] = ("ja", "en")
OF_OPERATORS = (Message.PAGE, Message.NOTICE)
ACK_URL = "https://ack.example.test/a/INC-000123?for=noc"

POLICY = Policy(
    version="1",
    brand=Brand("火の見 Monitoring", "alert@example.test"),
    customers={
        "aozora": Customer(
            "aozora",
            "株式会社サンプル",
            (
                Contact("customer-ja", "情報システム部", "customer@example.test", "ja"),
                Contact("customer-en", "IT desk", "customer@example.test", "en"),
            ),
        )
    },
    hosts={},
    operators={
        "operator-ja": Operator("operator-ja", "当番", "operator@example.test", Secret("env", "HOOK"), "ja"),
        "operator-en": Operator("operator-en", "On call", "operator@example.test", Secret("env", "HOOK"), "en"),
    },
    on_call=OnCall(("operator-ja",)),
)

FACTS: dict[str, Fact] = {
    "incident": "INC-000123",
    "host": "web01",
    "label": "web01",
    "address": "192.0.2.10",
    "fqdn": "web01.example.test",
    "device_type": "server",
    "os": "Debian 12",
    "customer": "aozora",
    "customer_name": "株式会社サンプル",
    "zone": "Asia/Tokyo",
    "at_s": 1_735_754_645.2,
    "fault_at_s": 1_735_754_500.0,
    "confirmed_at_s": 1_735_754_640.5,
    "recovered_at_s": None,
    "down_s": 145.2,
    "level": 4,
    "previous_level": 3,
    "faults": ("web01/http",),
    "check": "web01/http",
    "kind": "http",
    "service": "nginx.service",
    "item": "http 192.0.2.10",
    "value": None,
    "unit": "",
    "threshold": None,
    "trigger_failures": 3,
    "detail": "connection refused",
    "finding": "disk",
    "proposal": "",
    "next": "restart_now",
    "wait_s": None,
    "first_key": "INC-000123/1/fault/mail/customer",
    "runbook": "restart_service",
    "acted": True,
    "outcome": "not_fixed",
    "outcome_detail": "the service stopped again",
    "reason": "run_not_fixed",
    "changes": 7,
    "window_s": 1800.0,
    "round": 1,
}


def a_notify(
    message: Message = Message.FAULT,
    language: Language = "ja",
    key: str = "",
    channel: str = "mail",
    facts: Facts = NO_FACTS,
    **changes: Fact,
) -> Notify:
    """A message with all its facts, for the customer's or our own person of that language."""
    audience = "operator" if message in OF_OPERATORS else "customer"
    return Notify(
        key=key or f"INC-000123/2/{message}/{channel}/{audience}-{language}",
        incident="INC-000123",
        host="web01",
        message=message,
        audience=audience,
        recipient=f"{audience}-{language}",
        channel=channel,
        facts={name: FACTS[name] for name in OF_MESSAGE[message]} | dict(facts) | changes,
    )
