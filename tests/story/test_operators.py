"""Operators at work: what burns is shown and explained, they are paged until somebody takes it, they hold, pause, run and note,
with real processes around hosts on 127.0.0.1."""

import json
import re
import threading
from collections.abc import Iterator

import httpx
import pytest
from local import Door, Hook, Local, Tree, body, inventory, recoverable
from sqlmodel import select

from bed.host import make_key
from bed.plain import PlainHost
from domain.pauses import Pause
from engine.links import Ack, ack_url
from hikeshi.exits import Exit
from store import overlay
from store.tables import Decision

NAMES = ("calm", "explained", "paged", "linked", "closing", "held", "paused", "noted", "raced", "checked", "left")
ROLES = ("engine", "watcher", "hands", "ingress")


class Desk(Local):
    """One hikeshi for all stories here; each story has a host of its own to break."""

    web: PlainHost
    hook: Hook
    doors: dict[str, Door]

    def begins(self) -> None:
        self.running(*ROLES)
        self.until("the ingress", lambda: _answers(self))

    def breaks(self, name: str) -> str:
        """Break a host; the incident that is opened."""
        before = {row.id for row in self.incidents()}
        self.doors[name].shut()
        self.until(f"an incident of {name}", lambda: [row for row in self.incidents() if row.host == name and row.id not in before])
        return next(row.id for row in self.incidents() if row.host == name and row.id not in before)

    def recovers(self, name: str) -> None:
        self.doors[name].open()
        self.until(f"the end of {name}'s trouble", lambda: all(row.closed_at_s for row in self.incidents() if row.host == name))

    def pages(self, incident: str, to: str) -> list[str]:
        return [body(mail) for mail in self.mails(to) if "[PAGE]" in str(mail["Subject"]) and incident in body(mail)]

    def hooked(self, incident: str) -> list[Tree]:
        return [message for message in self.hook.messages() if message["incident"] == incident]

    def paged(self, incident: str) -> list[tuple[str, str]]:
        """Whom the engine had paged for it, in this order, and by which channel."""
        pages = [row.key.split("/") for row in self.commands("Notify") if row.incident == incident and "/page/" in row.key]
        return [(who, channel) for *_, channel, who in pages]

    def acknowledged(self, incident: str) -> int:
        """How often somebody took it."""
        with self.context.store.read() as session:
            decisions = session.exec(select(Decision).where(Decision.incident == incident)).all()
        return sum(item["code"] == "acknowledged" for decision in decisions for item in decision.reasons)

    def link(self, incident: str, operator: str, page: int = 1000) -> str:
        """That of a page which may not have been sent."""
        return ack_url(self.settings, Ack(incident, operator, page, self.clock.now_s()))

    def paused(self) -> tuple[Pause, ...]:
        with self.context.store.read() as session:
            return overlay.pauses(session)


MANGLED = [lambda t: t[:-2], lambda t: f"x{t}", str.swapcase, lambda t: t.split(".")[0], lambda _: "x"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    doors = {name: Door() for name in NAMES}
    with PlainHost() as web, Hook() as hook:
        identity = folder / "identity"
        web.authorize(make_key(identity))
        tree = inventory({name: door.port for name, door in doors.items()})
        tree["hosts"]["web01"] = recoverable(web, identity)
        tree["operators"]["second"]["webhook"] = {"env": "SECOND_HOOK"}
        tree["on_call"]["escalate_after"] = "2s"
        tree["pauses"] = {"yearly": {"start": "2099-01-01T00:00", "duration": "1h", "customer": "shop", "reason": "far away"}}
        with Desk(folder, tree, watcher_silent_s=300) as made:
            assert isinstance(made, Desk)
            made.web, made.hook, made.doors = web, hook, doors
            made.extra = {"SECOND_HOOK": hook.url}
            for door in doors.values():
                door.open()
            made.begins()
            yield made
            for door in doors.values():
                door.shut()


def _answers(desk: Local) -> bool:
    try:
        return httpx.get(f"{desk.settings.ingress_url}/health").status_code == 200
    except httpx.TransportError:
        return False


def link_in(page: str) -> str:
    found = re.search(r"http://\S+/ack/\S+", page)
    assert found is not None, page
    return found[0]


class TestReading:
    def test_all_is_well(self, desk: Desk) -> None:
        found = desk.json("status")
        assert isinstance(found, dict)
        assert sorted(found) == [
            "automation", "behind", "checks", "hosts", "incidents", "inventory", "missing", "modes", "not_up", "refused",
            "set_aside", "stopped", "undelivered", "unreadable", "waiting", "watchers",
        ]  # fmt: skip
        assert (found["hosts"], found["checks"], found["missing"], found["not_up"]) == (len(NAMES) + 1, len(NAMES) + 2, [], [])
        [line] = found["stopped"]
        assert line == "pause yearly of customer shop: once from 2099-01-01T00:00:00 Asia/Tokyo for 60 min, by inventory (far away)"
        text = desk.command("status").stdout
        assert "automation on" in text
        assert "Open incidents\nnone\n" in text

    def test_an_incident_from_every_side(self, desk: Desk) -> None:
        incident = desk.breaks("checked")
        [row] = [item for item in json.loads(desk.command("incidents", "--json").stdout) if item["id"] == incident]
        assert sorted(row) == [
            "acknowledged_by", "closed_at_s", "customer", "delivery", "fault_at_s", "host", "id", "level", "number", "opened_at_s",
            "phase", "recovered_at_s", "told",
        ]  # fmt: skip
        assert (row["host"], row["customer"], row["level"], row["told"]) == ("checked", "shop", 4, True)
        status = desk.json("status")
        assert isinstance(status, dict)
        [check] = [item for item in status["not_up"] if item["check"] == "checked/ssh"]
        assert (check["verdict"], check["detail"]) == ("down", "connection refused")
        upper, lower = (json.loads(desk.quick("explain", name, "--json").stdout)[0] for name in (incident, incident.lower()))
        assert (upper, upper["code"]) == (lower, "opened"), "what follows may have been told between the two"
        for text in (desk.command("incidents", "--host", "checked").stdout, desk.command("status").stdout):
            assert incident in text
            assert "+0900" in text
        assert "+0000" in desk.command("incidents", HIKESHI_ZONE="UTC").stdout
        desk.recovers("checked")

    def test_explained_in_both_languages(self, desk: Desk) -> None:
        incident = desk.breaks("explained")
        desk.until("the first page", lambda: desk.pages(incident, "first"))
        desk.until(
            "its delivery", lambda: "to first was taken by the next server: page. (" in desk.command("explain", incident).stdout
        )
        english = desk.command("explain", incident).stdout
        assert "The fault of explained/ssh was confirmed as Lv.4" in english
        assert re.search(r"\+0900 +A page to operator first was queued\. +paged +R25", english)
        assert re.search(r"The mail to first was taken by the next server: page\. \(.+\) +delivered +R8", english)
        japanese = desk.command("explain", incident, "--lang", "ja").stdout
        assert "担当者 first の呼び出しを手配しました。" in japanese
        assert "first 宛ての呼び出しをメールで送信し、次のサーバーが受け付けました。(" in japanese
        lines = json.loads(desk.command("explain", "explained", "--json").stdout)
        assert sorted(lines[0]) == ["at_s", "code", "facts", "spec", "text"]
        assert {"opened", "fault_told", "handed_over", "paged"} <= {line["code"] for line in lines}
        desk.recovers("explained")

    def test_what_concerns_no_host(self, desk: Desk) -> None:
        assert desk.command("explain").stdout.startswith("Why: what concerns no single host")
        assert desk.command("incidents", "--all", "--host", "calm").stdout == "Incidents\nnone\n"


class TestPaging:
    def test_goes_round_until_somebody_takes_it(self, desk: Desk) -> None:
        incident = desk.breaks("paged")
        desk.until("the second round", lambda: len(desk.pages(incident, "first")) >= 2)
        round_of_all = [("first", "mail"), ("second", "mail"), ("second", "webhook"), ("first", "mail")]
        assert desk.paged(incident)[:4] == round_of_all
        desk.until("the page of the second operator", lambda: desk.pages(incident, "second") and desk.hooked(incident))
        by_hook = desk.hooked(incident)[0]
        assert (by_hook["message"], by_hook["ack_url"]) == ("page", link_in(desk.pages(incident, "second")[0]))
        done = desk.command("ack", incident, by="second")
        assert (done.returncode, done.stdout) == (Exit.OK, "second takes it; nobody else is paged. [acknowledged, P41]\n")
        assert desk.command("incidents", "--host", "paged").stdout.rstrip().endswith("second")
        assert desk.command("ack", incident, by="second").stdout == f"second has {incident} already\n"
        done = desk.command("ack", incident)
        assert (done.returncode, done.stderr) == (Exit.REFUSED, f"hikeshi: second has {incident} already\n")
        rounds = desk.paged(incident)
        desk.recovers("paged")
        assert desk.paged(incident) == rounds
        done = desk.command("ack", incident)
        assert (done.returncode, done.stderr) == (Exit.REFUSED, f"hikeshi: {incident} is over; there is nothing left to take\n")
        desk.until(
            "the notices that it is over",
            lambda: all(
                any(
                    "[Notice]" in str(mail["Subject"]) and "has recovered (" in str(mail["Subject"]) and incident in body(mail)
                    for mail in desk.mails(who)
                )
                for who in ("first", "second")
            ),
        )


class TestLinks:
    def test_get_shows_and_post_decides(self, desk: Desk) -> None:
        incident = desk.breaks("linked")
        desk.until("the first page", lambda: desk.pages(incident, "first"))
        link = link_in(desk.pages(incident, "first")[0])
        shown = httpx.get(link)
        assert shown.status_code == 200
        assert "Lv.4 on <b>linked</b>, for first." in shown.text
        assert '<form method="post">' in shown.text
        assert '<meta name="viewport" content="width=device-width">' in shown.text
        for said in ("linked/", "Customer: ", "since "):
            assert said in shown.text
        assert {"cache-control": "no-store", "referrer-policy": "no-referrer"}.items() <= dict(shown.headers).items()
        assert httpx.head(link).status_code == 200
        assert desk.acknowledged(incident) == 0

        assert "It is yours; nobody else is woken." in httpx.post(link).text
        [row] = [row for row in desk.incidents() if row.id == incident]
        assert row.acknowledged_by == "first"
        assert desk.acknowledged(incident) == 1
        again = httpx.post(link)
        assert "It is yours" in again.text
        other = httpx.post(desk.link(incident, "second"))
        assert (other.status_code, f"first has {incident} already" in other.text) == (409, True)
        assert "first has it already." in httpx.get(link).text

        desk.recovers("linked")
        assert "This incident is over" in httpx.get(link).text
        closed = httpx.post(link)
        assert (closed.status_code, f"{incident} is over" in closed.text) == (409, True)

    def test_of_two_at_once_one_gets_it(self, desk: Desk) -> None:
        incident = desk.breaks("raced")
        answers: dict[str, httpx.Response] = {}

        def take(who: str) -> None:
            answers[who] = httpx.post(desk.link(incident, who), timeout=20)

        both = [threading.Thread(target=take, args=(who,)) for who in ("first", "second")]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
        [winner] = [who for who, answer in answers.items() if answer.status_code == 200]
        [loser] = [answer for answer in answers.values() if answer.status_code == 409]
        assert f"{winner} has {incident} already" in loser.text
        desk.recovers("raced")

    @pytest.mark.parametrize("mangle", MANGLED)
    def test_what_is_not_ours_is_refused_and_recorded(self, desk: Desk, mangle: object) -> None:
        assert callable(mangle)
        log = desk.settings.home / "ingress.log"
        base, token = desk.link("INC-000001", "first").rsplit("/", 1)
        for method in ("GET", "POST"):
            before = log.stat().st_size
            answer = httpx.request(method, f"{base}/{mangle(token)}")
            assert (answer.status_code, "not one of ours" in answer.text) == (400, True)
            said = log.read_bytes()[before:].decode()
            assert f"127.0.0.1 {method}: a link was refused" in said
            assert "/ack/" not in said

    def test_an_operator_who_has_left_and_an_incident_that_never_was(self, desk: Desk) -> None:
        incident = desk.breaks("left")
        assert httpx.post(desk.link(incident, "ghost")).status_code == 400
        assert httpx.get(desk.link("INC-999999", "first")).status_code == 400
        desk.recovers("left")

    def test_nothing_else_is_there(self, desk: Desk) -> None:
        assert httpx.get(f"{desk.settings.ingress_url}/").status_code == 404
        assert httpx.put(desk.link("INC-000001", "first")).status_code == 405


class TestHolding:
    def test_a_hold_on_a_burning_host_is_set_and_released(self, desk: Desk) -> None:
        incident = desk.breaks("held")
        done = desk.quick("hold", "held", "-m", "I look at it")
        assert done.returncode == Exit.OK, "the gate's refusal is what was asked for"
        assert "first put automatic work on held on hold. (I look at it) [hold_set, R26]" in done.stdout
        assert "already" not in done.stdout
        assert "hold on held" in desk.quick("status").stdout
        assert "held was on hold already" in desk.quick("hold", "held").stdout
        done = desk.quick("run", "restart-service", "held")
        assert done.returncode == Exit.REFUSED
        assert "[gate_hold, R26]" in done.stdout
        done = desk.quick("release", "held", "-m", "done")
        assert (done.returncode, "[hold_released, R26]" in done.stdout) == (Exit.OK, True)
        assert "hold on held" not in desk.quick("status").stdout
        assert {"hold_set", "hold_released"} <= {
            line["code"] for line in json.loads(desk.quick("explain", incident, "--json").stdout)
        }
        desk.recovers("held")

    def test_all_at_once_and_back(self, desk: Desk) -> None:
        desk.quick("hold", "--all", "-m", "flood")
        done = desk.quick("run", "restart-service", "web01", "--json")
        assert done.returncode == Exit.REFUSED
        answer = json.loads(done.stdout)
        assert sorted(answer) == ["commands", "decided", "granted", "reasons"]
        assert (answer["granted"], answer["commands"], answer["reasons"][0][0]) == (False, [], "gate_stop_file")
        assert desk.quick("release", "--all").returncode == Exit.OK


class TestPausing:
    def test_a_paused_host_is_silent(self, desk: Desk) -> None:
        done = desk.quick("pause", "--host", "paused", "--minutes", "30", "-m", "disk exchange")
        assert done.returncode == Exit.OK
        [pause] = desk.paused()
        assert done.stdout.startswith(f"pause {pause.id}: from {pause.start} Asia/Tokyo for 30 min\n")
        assert f"pause {pause.id} of paused: once from" in desk.quick("status").stdout
        incident = desk.breaks("paused")
        assert "It is" not in desk.quick("explain", incident).stderr
        assert "within the pause" in desk.quick("explain", incident).stdout
        assert not [mail for mail in desk.mails() if incident in body(mail)]

        done = desk.quick("pause", "--cancel", pause.id)
        assert (done.returncode, done.stdout.count("[pause_cancelled, R50]")) == (Exit.OK, 1)
        assert desk.paused() == ()
        desk.until("the mail about it", lambda: [mail for mail in desk.mails("office") if incident in body(mail)])
        desk.recovers("paused")
        done = desk.quick("pause", "--cancel", pause.id)
        assert done.returncode == Exit.BAD_INPUT

    def test_its_end_stands_in_its_hosts_record_without_an_incident_too(self, desk: Desk) -> None:
        desk.quick("pause", "--host", "paused")
        [pause] = desk.paused()
        assert desk.quick("pause", "--cancel", pause.id).returncode == Exit.OK
        said = [line["code"] for line in json.loads(desk.quick("explain", "paused", "--json").stdout)]
        assert [code for code in said if code.startswith("pause_")][-2:] == ["pause_set", "pause_cancelled"]

    def test_in_the_customers_local_time(self, desk: Desk) -> None:
        done = desk.quick("pause", "--customer", "shop", "--start", "2098-03-01T22:00", "--repeat", "weekly", HIKESHI_ZONE="UTC")
        assert "from 2098-03-01T22:00:00 Asia/Tokyo for 60 min" in done.stdout
        [pause] = desk.paused()
        desk.quick("pause", "--cancel", pause.id)

    def test_that_of_the_inventory_is_ended_there(self, desk: Desk) -> None:
        done = desk.quick("pause", "--cancel", "yearly")
        assert (done.returncode, done.stderr) == (
            Exit.REFUSED, "hikeshi: pause 'yearly' stands in the inventory: take it out there\n"
        )  # fmt: skip


class TestRunning:
    def test_a_dry_run_prints_the_command_lines_and_does_nothing(self, desk: Desk) -> None:
        before, runs = desk.web.service_starts("nginx"), len(desk.commands("Run"))
        done = desk.quick("run", "restart-service", "web01", "--dry-run", by="")
        assert done.returncode == Exit.OK
        [line] = [line for line in done.stdout.splitlines() if line.startswith("4. restart: on 127.0.0.1: ")]
        assert "sudo -n systemctl restart nginx.service" in line
        looks = [line for line in done.stdout.splitlines() if "the watcher looks" in line]
        assert ["the run goes on all the same" in line for line in looks] == [True, True, False], "until it has done something"
        assert done.stderr == "! all its checks are up; it is done all the same\n"
        assert json.loads(desk.quick("run", "restart-service", "web01", "--dry-run", "--json").stdout) == done.stdout.splitlines()
        assert desk.web.service_starts("nginx") == before
        assert len(desk.commands("Run")) == runs

    def test_a_real_one_does_it(self, desk: Desk) -> None:
        before = desk.web.service_starts("nginx")
        done = desk.quick("run", "restart-service", "web01", "-m", "new configuration")
        assert done.returncode == Exit.OK
        assert "[admitted, R26]" in done.stdout
        assert done.stderr == "! all its checks are up; it is done all the same\n"
        assert "[run_started, R20]" in done.stdout
        desk.until("its end", lambda: all(row.done_s is not None for row in desk.commands("Run")))
        assert desk.web.service_starts("nginx") == before + 1
        assert "new configuration" in json.dumps(json.loads(desk.quick("explain", "web01", "--json").stdout))


def test_a_note_stands_in_the_record(desk: Desk) -> None:
    incident = desk.breaks("noted")
    done = desk.quick("note", incident, "cable was \x1b[31mloose", by="second")
    assert (done.returncode, done.stdout) == (Exit.OK, "Note by second: cable was [31mloose [noted, P41]\n")
    shown = desk.quick("explain", incident).stdout
    assert "Note by second: cable was [31mloose" in shown
    assert "\x1b" not in shown
    assert desk.quick("note", incident, " ").stderr == "hikeshi: the note says nothing\n"
    assert desk.quick("note", incident, "x" * 1001).returncode == Exit.BAD_INPUT
    desk.recovers("noted")
    assert desk.quick("note", incident, "it was the cable").returncode == Exit.OK, "what is over may still be explained"


def test_every_page_of_the_night_was_a_mail_of_its_own(desk: Desk) -> None:
    """R9 is for customers: what wakes an operator is never one of many."""
    desk.until("all sent", lambda: all(row.done_s is not None for row in desk.commands("Notify")))
    pages = [mail for who in ("first", "second") for mail in desk.mails(who) if "[PAGE]" in str(mail["Subject"])]
    assert len(pages) == len([row for row in desk.commands("Notify") if "/page/mail/" in row.key and row.outcome == "sent"])
    assert len(desk.hook.keys) == len(set(desk.hook.keys))


def test_clean_ends(desk: Desk) -> None:
    """Every process ends with 0 within seconds of SIGTERM."""
    assert {role: desk.end(role) for role in reversed(ROLES)} == dict.fromkeys(ROLES, 0)
    desk.begins()
