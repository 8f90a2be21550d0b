"""R3: what messages carry, and that every name is documented. That the engine's messages do so is asked of every step of the
stories, the walk and the simulation (``messages_carry_their_facts``, ``reasons_speak_documented_facts``)."""

import pytest
from story.harness import World

from domain.changed import changed
from domain.commands import Message
from domain.facts import FACTS, OF_MESSAGE, Next, problems
from domain.messages import channels_of
from domain.model import Operator, Secret
from domain.reasons import SPEC, Code
from domain.state import HostState, Incident


def facts_of_a_fault() -> dict[str, object]:
    world = World()
    world.down("disk")
    return dict(world.expect_mail(Message.FAULT).facts)


def test_every_message_has_its_list_of_documented_facts() -> None:
    assert set(OF_MESSAGE) == set(Message)
    assert {name for names in OF_MESSAGE.values() for name in names} <= set(FACTS)


def test_every_reason_has_its_source() -> None:
    assert set(SPEC) == set(Code)
    assert all(number[0] in "CRP" and number[1:].isdigit() for number in SPEC.values())


def test_a_fault_carries_all_that_r3_asks_for() -> None:
    facts = facts_of_a_fault()
    assert problems(Message.FAULT, facts) == ()  # type: ignore[arg-type]  # they are facts
    expected = {
        "incident": "INC-000001",
        "label": "web01.example",
        "address": "192.0.2.10",
        "fqdn": "web01.example.test",
        "device_type": "server",
        "os": "Debian 12",
        "customer_name": "Aozora Ltd.",
        "zone": "Asia/Tokyo",
        "check": "web01/disk",
        "kind": "disk",
        "item": "disk 192.0.2.10",
        "trigger_failures": 3,
        "detail": "connection refused",
        "level": 2,
        "down_s": 120.0,
        "next": Next.MAIL_ONLY,
    }
    assert {name: facts[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"level": None}, "fault: fact level is a NoneType"),
        ({"level": True}, "fault: fact level is a bool"),
        ({"mood": "bad"}, "fault: fact mood is not documented in domain.facts"),
    ],
)
def test_problems_are_named(change: dict[str, object], problem: str) -> None:
    assert problems(Message.FAULT, facts_of_a_fault() | change) == (problem,)  # type: ignore[arg-type]  # wrong on purpose


def test_a_missing_fact_is_named() -> None:
    facts = facts_of_a_fault()
    del facts["down_s"]
    assert problems(Message.FAULT, facts) == ("fault: fact down_s is missing",)  # type: ignore[arg-type]  # wrong on purpose


def test_operators_are_reached_by_what_they_have() -> None:
    assert channels_of(Operator("a", "A", mail="a@example.test", webhook=Secret("env", "HOOK"))) == ("mail", "webhook")
    assert channels_of(Operator("a", "A", webhook="https://hook.example.test")) == ("webhook",)
    assert channels_of(Operator("a", "A")) == ()


def test_a_changed_copy_is_what_replace_would_give() -> None:
    before = Incident("INC-000001", "aozora", "web01", 1.0, 2.0)
    after = changed(before, serial=3)
    assert (before.serial, after.serial) == (0, 3)
    assert changed(after, serial=0) == before
    assert hash(changed(after, serial=0)) == hash(before)


def test_a_changed_copy_has_no_fields_of_its_own() -> None:
    with pytest.raises(TypeError, match="HostState has no field hots"):
        changed(HostState("web01"), hots="web02")  # type: ignore[call-arg]  # wrong on purpose
