"""What a changed inventory means for what is going on: hosts, checks and customers that leave, pauses that come and go.

What was announced ends told, to the customer where there still is one, and to the operators in any case."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from local import Told, Tree, body, host, inventory
from sqlmodel import select

from domain.observation import Verdict
from store.tables import Decision, VerdictRow

NOW = datetime.now(ZoneInfo("Asia/Tokyo"))
PAUSE = {"start": f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M}", "duration": "1d"}


def two_customers() -> Tree:
    """The shop has web01 (two checks) and web02, the mill has mill01."""
    tree = inventory({"web01": 1, "web02": 1})
    tree["hosts"]["web01"]["checks"]["ping"] = {}
    tree["customers"]["mill"] = {
        "name": "Example Mill",
        "contacts": {"desk": {"name": "Desk", "mail": "desk@mill.example", "language": "en"}},
    }
    tree["hosts"]["mill01"] = host(1, "mill")
    return tree


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Told]:
    with Told(tmp_path, two_customers()) as made:
        assert isinstance(made, Told)
        made.start("engine", "hands")
        made.until("the inventory to be accepted", made.version)
        yield made


def without(tree: Tree, *hosts: str, customer: str | None = None) -> Tree:
    kept = {name: one for name, one in tree["hosts"].items() if name not in hosts}
    customers = {name: one for name, one in tree["customers"].items() if name != customer}
    return tree | {"hosts": kept, "customers": customers}


def codes_of(local: Told, name: str) -> list[str]:
    with local.context.store.read() as session:
        rows = session.exec(select(Decision).where(Decision.host == name).order_by(Decision.seq)).all()  # type: ignore[arg-type]
    return [item["code"] for row in rows for item in row.reasons]


def verdicts(local: Told) -> set[str]:
    with local.context.store.read() as session:
        return set(session.exec(select(VerdictRow.check)))


def messages(local: Told, of: str) -> list[tuple[str, str]]:
    """Message and recipient of all commands for this host."""
    found = [row.key.split("/") for row in local.commands("Notify") if row.host == of]
    return [(parts[2] if parts[2] != "notice" else f"notice {parts[3]}", parts[-1]) for parts in found]


class TestAHostThatLeaves:
    def test_ends_its_announced_incident_told(self, local: Told) -> None:
        local.breaks("web01")
        local.adopts(without(local.tree, "web01"))
        local.until("the end", lambda: [row for row in local.incidents() if row.closed_at_s])
        local.until("all mails", local.sent)
        assert codes_of(local, "web01")[-2:] == ["policy_changed", "host_removed"]
        assert messages(local, "web01") == [
            ("fault", "office"),
            ("page", "first"),
            ("watch_ended", "office"),
            ("notice host_removed", "first"),
            ("notice host_removed", "second"),
        ]
        fault, ended = local.mails("office")
        assert ended["In-Reply-To"] == fault["Message-ID"]
        assert "no longer" in body(ended)
        [incident] = local.incidents()
        assert (incident.phase, incident.recovered_at_s) == ("closed", None)
        status = local.json("status")
        assert isinstance(status, dict)
        assert (status["incidents"], status["not_up"], status["hosts"]) == ([], [], 2)
        assert "removed from the configuration" in local.quick("explain", incident.id).stdout
        assert local.quick("explain", "web01").returncode == 0

    def test_is_a_new_host_when_it_comes_back(self, local: Told) -> None:
        whole = local.tree
        local.breaks("web01")
        local.adopts(without(whole, "web01"))
        local.until("the end", lambda: [row for row in local.incidents() if row.closed_at_s])
        assert verdicts(local) == set(), "what it was when it left is no news when it comes back"
        local.adopts(whole)
        local.breaks("web01")
        assert len(local.incidents()) == 2

    def test_without_an_incident_is_forgotten_silently(self, local: Told) -> None:
        local.breaks("web02")
        local.recovers("web02")
        before = len(local.commands("Notify"))
        local.adopts(without(local.tree, "web02"))
        local.until("it to be heard", lambda: "policy_changed" in codes_of(local, "web02"))
        assert codes_of(local, "web02")[-1] == "policy_changed"
        assert len(local.commands("Notify")) == before
        assert "web02/ssh" not in verdicts(local)

    def test_in_a_pause_says_nothing(self, local: Told) -> None:
        local.adopts(local.tree | {"pauses": {"works": {**PAUSE, "host": "web01"}}})
        local.breaks("web01")
        assert "opened_in_pause" in codes_of(local, "web01")
        local.adopts(without(local.tree, "web01") | {"pauses": {}})
        local.until("the end", lambda: [row for row in local.incidents() if row.closed_at_s])
        assert local.commands("Notify") == []

    def test_with_what_was_heard_of_it_too_late(self, local: Told) -> None:
        local.adopts(without(local.tree, "web01"))
        local.tells("web01", Verdict.DOWN)
        local.until("it to be decided", lambda: "not_watched" in codes_of(local, "web01"))
        assert local.incidents() == []
        assert verdicts(local) == set()


def test_a_host_that_comes_to_another_customer_begins_anew(local: Told) -> None:
    local.breaks("web01")
    tree = without(local.tree)
    tree["hosts"]["web01"] = tree["hosts"]["web01"] | {"customer": "mill"}
    local.adopts(tree)
    local.until("the end", lambda: [row for row in local.incidents() if row.closed_at_s])
    assert "host_moved" in codes_of(local, "web01")
    assert verdicts(local) == set(), "what it was for its former customer is no news for this one"
    local.tells("web01", Verdict.DOWN)
    local.until("the fault's mail", lambda: local.mails("desk"))
    local.until("all mails", local.sent)
    former, _ = sorted(local.incidents(), key=lambda row: row.id)
    assert former.customer == "shop"
    assert [name for name, to in messages(local, "web01") if to == "office"] == ["fault", "watch_ended"]
    assert [name for name, to in messages(local, "web01") if to == "desk"] == ["fault"]
    assert all(former.id not in body(mail) for mail in local.mails("desk"))


class TestACustomerThatLeaves:
    def test_only_operators_can_be_told(self, local: Told) -> None:
        local.breaks("mill01")
        local.until("the fault's mail", lambda: local.mails("desk"))
        local.adopts(without(local.tree, "mill01", customer="mill"))
        local.until("the end", lambda: [row for row in local.incidents() if row.closed_at_s])
        local.until("all mails", local.sent)
        assert messages(local, "mill01") == [
            ("fault", "desk"),
            ("notice host_removed", "first"),
            ("notice host_removed", "second"),
        ]
        assert len(local.mails("desk")) == 1
        [incident] = local.incidents()
        assert incident.customer == "mill"
        assert local.quick("incidents", "--all").returncode == 0

    def test_with_a_mail_that_is_still_on_its_way(self, local: Told) -> None:
        """It can't be delivered any more, and that is told."""
        local.end("hands")
        local.breaks("mill01")
        local.adopts(without(local.tree, "mill01", customer="mill"))
        local.start("hands")
        local.until("the failure", lambda: "delivery_failed" in codes_of(local, "mill01"))
        local.until("all mails", local.sent)
        assert local.mails("desk") == []
        assert any("desk is no longer in the inventory" in body(mail) for mail in local.mails("first"))


def test_a_check_that_leaves_is_taken_out_of_the_incident(local: Told) -> None:
    local.breaks("web01")
    local.tells("web01", Verdict.DOWN, check="ping")
    local.until("the second fault", lambda: "joined" in codes_of(local, "web01"))
    tree = without(local.tree)
    tree["hosts"]["web01"] = tree["hosts"]["web01"] | {"checks": {"ssh": tree["hosts"]["web01"]["checks"]["ssh"]}}
    local.adopts(tree)
    local.until("its end", lambda: "check_removed" in codes_of(local, "web01"))
    assert [row.closed_at_s for row in local.incidents()] == [None]
    assert verdicts(local) == {"web01/ssh"}


SCOPES = [{"host": "web01"}, {"customer": "shop"}, {"check": "web01/ssh"}]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: next(iter(scope)))
def test_a_pause_in_the_inventory_silences_until_it_is_taken_out(local: Told, scope: dict[str, str]) -> None:
    """R50, R51."""
    whole = local.tree
    local.adopts(whole | {"pauses": {"works": {**PAUSE, **scope, "reason": "new disks"}}})
    local.breaks("web01")
    assert codes_of(local, "web01")[0] == "opened_in_pause"
    assert local.commands("Notify") == []
    assert "pause works of" in local.quick("status").stdout
    local.adopts(whole)
    local.until("the mail", lambda: local.mails("office"))
    assert "pause works of" not in local.quick("status").stdout


def test_operators_who_leave_are_not_paged_any_more(local: Told) -> None:
    local.tree["on_call"]["escalate_after"] = "1s"
    local.adopts(local.tree | {"operators": {"second": local.tree["operators"]["second"]}, "on_call": {"order": ["second"]}})
    local.breaks("web01")
    local.until("a page", lambda: local.mails("second"))
    assert local.mails("first") == []


def test_a_file_below_the_folder_counts(local: Told) -> None:
    """It is read, so a change of it is a change."""
    before = local.version()
    (local.inventory / "more").mkdir()
    (local.inventory / "more" / "pauses.yaml").write_text("pauses: {works: {start: 2098-01-01T00:00, duration: 1h, host: web01}}\n")
    local.until("the new version", lambda: local.version() != before)


def test_files_that_vanish_are_a_mistake_and_the_accepted_version_holds(local: Told) -> None:
    before = local.version()
    (local.inventory / "all.yaml").unlink()
    local.until("a notice", lambda: local.mails("first"))
    assert "holds no inventory" in body(local.mails("first")[0])
    local.breaks("web01")
    assert local.version() == before


def test_the_same_mistakes_are_told_once_until_a_good_version_comes(local: Told) -> None:
    good, bad = local.tree, local.tree | {"automation": "of"}
    refused = '"off"'

    def notices() -> int:
        return sum(refused in body(mail) for mail in local.mails("first"))

    def read(times: int) -> bool:
        return (local.settings.home / "engine.log").read_text().count("is refused, the accepted one goes on holding") == times

    local.write(bad)
    local.until("a notice", notices)
    for times in (2, 3):
        local.write(bad)  # saved again
        local.until("it to be read", partial(read, times))
    assert notices() == 1
    local.adopts(good | {"automation": "shadow"})
    local.write(bad)
    local.until("another notice", lambda: notices() == 2)
