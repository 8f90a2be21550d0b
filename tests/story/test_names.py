"""C50: trouble with a name is told, says so, and nothing is worked on for it."""

from contextlib import ExitStack
from pathlib import Path
from socket import socket

import dns.message
import dns.rrset
from local import Door, Local, body, inventory
from misbehaving import answering
from sqlmodel import func, select

from domain.commands import Message
from domain.facts import Next
from domain.reasons import Code
from store.tables import Attempt
from story.harness import World


def test_a_service_whose_name_fails_is_told_and_not_restarted() -> None:
    world = World()
    world.name_fails("http")
    world.expect_mail(Message.FAULT, level=4, next=Next.TOLD_ONLY, detail="name resolution failed: www")
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.up("http")
    world.expect_recovery(acted=False)
    world.expect_nothing()


def test_a_server_whose_name_fails_is_no_server_that_is_lost() -> None:
    world = World()
    world.name_fails("ssh")
    world.expect_mail(Message.FAULT, next=Next.TOLD_ONLY)
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_a_service_that_is_seen_to_fail_where_its_name_leads_is_restarted_as_ever() -> None:
    world = World()
    world.name_fails("http")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=5)
    world.down("http")
    world.expect_mail(Message.FAULT, next=Next.RESTART_NOW, detail="connection refused")
    world.expect_run("restart-service", service="nginx.service")
    world.expect_reason(Code.RUN_STARTED)
    world.expect_nothing()


def test_what_says_nothing_of_a_server_does_not_say_either_whether_it_is_back() -> None:
    world = World()
    world.name_fails("ping")
    world.expect_mail(Message.FAULT, next=Next.TOLD_ONLY)
    world.down("ssh")
    world.expect_mail(Message.FAULT, next=Next.RECOVER_AFTER_WAIT)
    world.fast_forward(minutes=20)
    world.expect_run("power-cycle", checks=("ssh",))


def test_a_server_that_waits_for_its_clock_is_let_be_where_its_name_fails_meanwhile() -> None:
    world = World()
    world.down("ssh")
    world.expect_mail(Message.FAULT, next=Next.RECOVER_AFTER_WAIT)
    world.fast_forward(minutes=5)
    world.name_fails("ssh")
    world.fast_forward(minutes=60)
    world.expect_nothing()


def answers(served: socket, data: bytes, asker: tuple[str, int]) -> None:
    response = dns.message.make_response(dns.message.from_wire(data))
    response.answer.append(dns.rrset.from_text("www.shop.example.", 1, "IN", "A", "127.0.0.1"))
    served.sendto(response.to_wire(), asker)


def test_a_resolver_that_dies(tmp_path: Path) -> None:
    """The customer's notice says that the name was not resolved; no run is ordered, nobody is called. Then it is back, and so
    is the check; what fails now is a fault as ever."""
    door = Door()
    door.open()
    tree = inventory({"web01": door.port})
    tree["hosts"]["web01"]["checks"]["ssh"] |= {"at": "www.shop.example"}
    with ExitStack() as lives:
        resolver = lives.enter_context(answering(answers))
        with Local(tmp_path, tree, resolvers=f"127.0.0.1:{resolver}") as local:
            assert isinstance(local, Local)
            local.running("engine", "watcher", "hands")

            def mails(words: str) -> list[str]:
                said = [body(mail).replace("\r\n", " ") for mail in local.mails("office@shop.example")]
                return [one for one in said if words in one]

            lives.close()
            local.until("the notice", lambda: mails("name resolution failed"))
            [notice] = mails("")
            assert "www.shop.example: 127.0.0.1: connection refused; it led to 127.0.0.1 before" in notice
            assert "nothing is done to it automatically" in notice
            with answering(answers, port=resolver):
                local.until("the recovery", lambda: mails("The fault we told you about has recovered"))
                assert local.mails("first@hosting.example") == []
                assert {"run_started", "handed_over", "paged"}.isdisjoint(local.codes())
                with local.context.store.read() as session:
                    assert session.exec(select(func.count()).select_from(Attempt)).one() == 0
                door.shut()
                local.until("the door to be missed", lambda: mails("at 127.0.0.1: connection refused"))
                local.until("people to be called", lambda: local.codes()["paged"])
