"""Messages on their way, by real processes: a mail server that is away, refuses or hangs, and a storm of alerts (R8, R9)."""

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local import Hook, Mta, Told, body, inventory


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
    @staticmethod
    def delivery(office: Office) -> tuple[bool, str]:
        """What ``incidents`` says of the only one."""
        [row] = json.loads(office.quick("incidents", "--all", "--json").stdout)
        return row["told"], row["delivery"]

    def test_that_is_away_gets_every_mail_in_order_when_it_is_back(self, simple: Office) -> None:
        port = simple.sink.port
        simple.sink.stop()
        simple.start("hands")
        simple.breaks("h000")
        simple.until("a first try", lambda: any("refused" in row.detail for row in simple.commands("Notify")))
        assert re.search(
            r"! \d messages? could not be delivered yet, .*since [-\d]+ [:\d]+ \+0900, last error: .*refused.*; next try at ",
            simple.quick("status").stdout,
        )
        assert self.delivery(simple) == (True, "on its way")
        simple.recovers("h000")
        simple.sink = Mta(simple.sink.folder, port)
        simple.sink.start()
        simple.until("all mails", simple.sent)
        assert json.loads(simple.quick("status", "--json").stdout)["undelivered"] is None
        assert self.delivery(simple) == (True, "told")
        office_mails = simple.mails("office")
        fault, recovery = [str(mail["Subject"]) for mail in office_mails]
        assert ("is down" in fault, "has recovered" in recovery) == (True, True)
        identities = [str(mail["Message-ID"]) for mail in simple.mails()]
        ways = {row.key: row.outcome for row in simple.commands("Notify") if "/mail/" in row.key}
        assert len(identities) == len(set(identities)) == list(ways.values()).count("sent")
        assert {key.split("/")[2] for key, outcome in ways.items() if outcome == "not_needed"} == {"page"}
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


class TestAStorm:
    @pytest.fixture
    def storm(self, tmp_path: Path) -> Iterator[Office]:
        tree = many(40)
        tree["limits"]["alerts_per_minute"] = 3
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
        incidents = [row.id for row in storm.incidents() if row.host in names]
        assert all(incident in body(digest) for incident in incidents)
        assert len(str(digest["References"]).split()) == len(incidents) == 40
        pages = [str(mail["Subject"]) for mail in storm.mails("first") if "[PAGE]" in str(mail["Subject"])]
        assert len(pages) == 10, "one for each until more than 20 % of the segment were unreachable, then one for all"
        assert "Segment main: mass outage" in pages[-1]
