"""Messages on their way, by real processes: a mail server that is away, refuses or hangs, and a storm of alerts (R8, R9)."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local import Hook, Mta, Told, body, host, inventory
from sqlmodel import text

from domain.commands import Notify
from domain.storm import MINUTE_S
from engine.sending import _sent_lately
from store.codec import decode
from store.tables import CommandRow


class Office(Told):
    hook: Hook

    def replace_mta(self, **options: Any) -> None:
        """Another mail server at the same port, into the same folder."""
        port = self.sink.port
        self.sink.stop()
        self.sink = Mta(self.sink.folder, port, **options)
        self.sink.start()


def many(count: int, **customers: Any) -> dict[str, Any]:
    return inventory({f"h{number:03}": 1 for number in range(count)}, **customers)


@pytest.fixture
def simple(tmp_path: Path) -> Iterator[Office]:
    """Three hosts; the second operator has a webhook."""
    with Hook() as hook:
        tree = many(3)
        tree["operators"]["second"]["webhook"] = {"env": "SECOND_HOOK"}
        with Office(tmp_path, tree) as made:
            assert isinstance(made, Office)
            made.extra = {"SECOND_HOOK": hook.url}
            made.hook = hook
            made.start("engine")
            yield made


class TestAMailServer:
    def test_that_is_away_gets_every_mail_in_order_when_it_is_back(self, simple: Office) -> None:
        port = simple.sink.port
        simple.sink.stop()
        simple.start("hands")
        simple.breaks("h000")
        simple.until("a first try", lambda: any("refused" in row.detail for row in simple.commands("Notify")))
        simple.recovers("h000")
        simple.sink = Mta(simple.sink.folder, port)
        simple.sink.start()
        simple.until("all mails", simple.sent)
        office_mails = simple.mails("office")
        fault, recovery = [str(mail["Subject"]) for mail in office_mails]
        assert ("is down" in fault, "has recovered" in recovery) == (True, True)
        identities = [str(mail["Message-ID"]) for mail in simple.mails()]
        assert len(identities) == len(set(identities)) == len([row for row in simple.commands("Notify") if "/mail/" in row.key])
        assert max(row.tries for row in simple.commands("Notify")) >= 2

    def test_that_hangs_does_not_delay_a_page_by_webhook(self, simple: Office) -> None:
        port = simple.sink.port
        simple.sink.stop()
        with socket.create_server(("127.0.0.1", port)):  # takes connections and never says a word
            simple.tree["on_call"]["order"] = ["second", "first"]
            simple.adopts(simple.tree)
            simple.start("hands")
            simple.breaks("h000")
            simple.until("the webhook", lambda: simple.hook.got)
            came_back = [row for row in simple.commands("Notify") if "/mail/" in row.key and row.detail]
            assert not came_back, "the first mail was still on its way when the webhook had been taken"
            simple.kill("hands")
        simple.sink = Mta(simple.sink.folder, port)
        simple.sink.start()

    def test_that_refuses_for_good_is_told_by_the_other_way(self, simple: Office) -> None:
        refusals = {"office@shop.example": "550 5.1.1 no such user here", "second@hosting.example": "554 5.7.1 go away"}
        simple.replace_mta(refusals=refusals)
        simple.start("hands")
        simple.breaks("h000")
        simple.until("the notices", lambda: simple.codes()["delivery_failed"] >= 2 and simple.sent())
        [failed] = [row for row in simple.commands("Notify") if "/fault/mail/office" in row.key]
        assert (failed.outcome, "550 5.1.1 no such user here" in failed.detail, failed.tries) == ("failed", True, 1)
        [mail, *_] = [mail for mail in simple.mails("first") if "[Notice]" in str(mail["Subject"])]
        assert "A message to office could not be delivered." in body(mail)
        assert "no such user here" in body(mail)
        by_hook = [message for message in simple.hook.messages() if message["message"] == "notice"]
        assert "office" in by_hook[0]["text"], "the second operator, whose mails are refused, hears it by webhook"
        assert simple.codes()["delivery_failed"] == 2, "that a notice was lost is no reason for another notice"


class TestAWebhook:
    def test_that_fails_is_tried_again_and_taken_once(self, simple: Office) -> None:
        hook = simple.hook
        hook.status = 503
        simple.tree["on_call"]["order"] = ["second"]
        simple.adopts(simple.tree)
        simple.start("hands")
        simple.breaks("h001")
        simple.until("a first try", lambda: any("HTTP 503" in row.detail for row in simple.commands("Notify")))
        hook.status = 200
        simple.until("the page", simple.sent)
        [page] = [message for message in hook.messages() if message["message"] == "page"]
        assert page["host"] == "h001"
        assert page["key"] == hook.keys[0]


HOSTS = 120
"""More than ``outbox.claimable`` offers by itself."""


class TestAStorm:
    @pytest.fixture
    def storm(self, tmp_path: Path) -> Iterator[Office]:
        tree = many(HOSTS)
        tree["limits"]["alerts_per_minute"] = 3
        tree["customers"]["mill"] = {
            "name": "Example Mill",
            "contacts": {"desk": {"name": "Desk", "mail": "desk@mill.example", "language": "en"}},
        }
        tree["hosts"]["mill01"] = host(1, "mill")
        with Office(tmp_path, tree) as made:
            assert isinstance(made, Office)
            made.start("engine")
            yield made

    def test_becomes_one_digest_with_everything(self, storm: Office) -> None:
        names = [f"h{number:03}" for number in range(40)]
        storm.breaks(*names)
        storm.start("hands")
        storm.until("all mails", storm.sent)
        [digest] = storm.mails("office")
        incidents = [row.id for row in storm.incidents()]
        assert all(incident in body(digest) for incident in incidents)
        assert len(str(digest["References"]).split()) == len(incidents) == 40
        pages = [mail for mail in storm.mails("first") if "[PAGE]" in str(mail["Subject"])]
        assert len(pages) == 40, "who is paged is paged for each"

    def test_of_one_customer_holds_up_nobody_else(self, storm: Office) -> None:
        """The minute of one recipient is full; what waits for it is first in the outbox."""
        storm.breaks(*(f"h{number:03}" for number in range(3)))
        storm.start("hands")
        storm.until("the minute to be full", lambda: len(storm.mails("office")) == 3 and storm.sent())
        storm.breaks(*(f"h{number:03}" for number in range(3, HOSTS)))
        storm.breaks("mill01")
        storm.until("the other customer's mail", lambda: storm.mails("desk"))
        assert len(storm.mails("office")) == 3
        assert len([row for row in storm.commands("Notify") if row.done_s is None]) >= HOSTS - 3

    def test_one_message_that_cannot_be_written_takes_no_other_with_it(self, storm: Office) -> None:
        storm.breaks(*(f"h{number:03}" for number in range(10)))
        with storm.context.store.write() as session:
            row = session.get(CommandRow, storm.commands("Notify")[0].seq)
            assert row is not None
            row.payload = row.payload.replace('"zone":"Asia/Tokyo"', '"zone":"Mars/Base"')
        storm.start("hands")
        storm.until("all mails", storm.sent)
        assert len(storm.mails("office")) == 9
        assert storm.codes()["delivery_failed"] == 1


def test_the_last_minute_is_found_without_reading_the_years_before(simple: Office) -> None:
    """What the storm rule asks before every mail."""
    simple.breaks("h000")
    [row] = [row for row in simple.commands("Notify") if "/fault/" in row.key]
    now_s = simple.clock.now_s()
    fields = {"kind": "Notify", "queue": "q", "payload": row.payload, "created_s": 0.0, "not_before_s": 0.0, "tries": 1}
    old = [{**fields, "key": f"old{n}", "done_s": now_s - MINUTE_S - 1 - n, "outcome": "sent", "detail": ""} for n in range(5000)]
    recent = [{**fields, "key": f"new{n}", "done_s": now_s - n, "outcome": "sent", "detail": "queued as 1"} for n in (1, 2)]
    with simple.context.store.write() as session:
        session.connection().execute(CommandRow.__table__.insert(), [*old, *recent])  # type: ignore[attr-defined]
    assert sorted(_sent_lately(simple.context, decode(Notify, row.payload), now_s)) == [now_s - 2, now_s - 1]
    with simple.context.store.read() as session:
        wanted = "SELECT * FROM command WHERE kind = 'Notify' AND outcome = 'sent' AND done_s > 1"
        [plan] = session.connection().execute(text(f"EXPLAIN QUERY PLAN {wanted}")).all()
    assert "USING INDEX command_done" in plan[3]
