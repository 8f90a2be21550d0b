"""Messages on their way over minutes and days, by a clock that is moved by hand, to a mail server that may refuse (R8, R9)."""

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from deciding import Deciding
from hand_clock import HandClock
from local import Mta, body
from sample_messages import a_notify
from sample_policy import CONTACTS, CUSTOMER, HOST, policy
from store_samples import lapse

from domain import events as ev
from domain.commands import Message
from domain.model import Contract, Customer, Limits, Mode, Policy
from domain.observation import Verdict
from domain.reasons import Code
from domain.storm import MINUTE_S
from engine.context import Context
from engine.history import of_incident, with_deliveries
from engine.sending import GIVE_UP_S, RETRY_S, Counter
from engine.settings import Settings
from store import outbox
from store.db import Store
from store.tables import CommandRow

LIMIT = 3
MILL = Customer("mill", "Mill", (replace(CONTACTS[0], mail="mill@example.test"),))
"""Its contact has the same id as one of the other customer."""
POLICY = replace(policy(contract=Contract()), limits=Limits(alerts_per_minute=LIMIT))
POLICY = replace(POLICY, customers={**POLICY.customers, "mill": MILL})


class PassingClock(HandClock):
    """Moved by hand, but no two moments are the same."""

    def now_s(self) -> float:
        self.sleep(1e-4)
        return self.at_s


class Post:
    """An engine and the sending half of hands, with a mail server that may refuse."""

    def __init__(self, store: Store, clock: HandClock, folder: Path, accepted: Policy) -> None:
        (folder / "mails").mkdir()
        self.engine = Deciding(store, clock, folder, accepted)
        self.refusals: dict[str, str] = {}
        self.store, self.clock, self.sink = store, clock, Mta(folder / "mails", refusals=self.refusals)
        self.context = Context(Settings(home=folder, smtp_port=self.sink.port), store, clock)
        self.counters: dict[str, Counter] = {}

    def decided(self, *keys: str, message: Message = Message.FAULT, customer: str = CUSTOMER, to: str = "desk") -> None:
        """Messages of incidents of their own, or of the incident before the dot."""
        with self.store.write() as session:
            for key in keys:
                incident = key.partition(".")[0]
                made = a_notify(message, "en", key=key, customer=customer, incident=incident, label=f"<{key}>", first_key=key)
                outbox.put(session, replace(made, incident=incident, host=HOST, recipient=to))

    def send(self, who: str = "hands") -> None:
        counter = self.counters.setdefault(who, Counter(self.context, who, "mail", threading.Event()))
        for _ in range(2):  # what failed is told
            again = True
            while again:  # as hands does: when time has passed, and whenever something was written
                counter.line_up()
                counter.serve()
                again = self.store.changed()
            self.engine.decide()

    def after(self, seconds: float, who: str = "hands") -> None:
        self.clock.sleep(seconds)
        self.send(who)

    def row(self, key: str) -> CommandRow:
        [found] = [row for row in self.engine.commands("Notify") if row.key == key]
        return found

    def outcomes(self) -> dict[str, str | None]:
        """Of the customers' messages."""
        return {row.key: row.outcome for row in self.engine.commands("Notify") if "/notice/" not in row.key}

    def notices(self) -> list[str]:
        """Keys of what operators are told."""
        return [row.key for row in self.engine.commands("Notify") if "/notice/delivery_failed/" in row.key]

    def mails(self, to: str) -> list[str]:
        """Bodies, in the order in which they arrived."""
        mails = [message_from_bytes(raw, policy=default) for raw in self.sink.mails()]
        return [body(mail) for mail in mails if to in str(mail["To"])]


@pytest.fixture
def accepted() -> Policy:
    return POLICY


@pytest.fixture
def post(tmp_path: Path, accepted: Policy) -> Iterator[Post]:
    clock = PassingClock()
    store = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
    store.migrate()
    made = Post(store, clock, tmp_path, accepted)
    with made.sink:
        yield made
    store.close()


def labels(mail: str) -> list[str]:
    """The keys of the messages in a mail, in their order."""
    return list(dict.fromkeys(re.findall("<([^<>@]+)>", mail)))


def keys(count: int, stem: str = "K") -> list[str]:
    return [f"{stem}{number:03}" for number in range(count)]


class TestAStorm:
    def test_of_one_customer_holds_up_nobody_else(self, post: Post) -> None:
        """The minute of one recipient is full; what waits for it is first in the outbox."""
        post.decided(*keys(LIMIT))
        post.send()
        post.decided(*keys(150, "L"))
        post.decided("M", customer="mill")
        post.send()
        assert len(post.mails("mill@")) == 1
        assert len(post.mails("desk@")) == LIMIT
        post.after(MINUTE_S)
        told = [label for mail in post.mails("desk@") for label in labels(mail)]
        assert told == [*keys(LIMIT), *keys(150, "L")]
        assert len(post.mails("desk@")) == LIMIT + 2

    def test_that_is_refused_is_refused_for_each_of_its_messages(self, post: Post) -> None:
        """The address is at fault, so that one try will do; the other recipient's digest is not touched by it."""
        post.refusals["desk@example.test"] = "550 5.1.1 no such user here"
        post.decided(*keys(10))
        post.decided(*keys(10, "B"), to="boss")
        post.send()
        assert post.outcomes() == dict.fromkeys(keys(10), "failed") | dict.fromkeys(keys(10, "B"), "sent")
        assert {(row.tries, "550 5.1.1 no such user here" in row.detail) for row in map(post.row, keys(10))} == {(1, True)}
        assert [labels(mail) for mail in post.mails("boss@")] == [keys(10, "B")]
        ways = ["mail/first", "mail/second", "webhook/second"]
        notices = post.notices()
        assert [sum(notice.endswith(way) for notice in notices) for way in ways] == [10, 10, 10]

    def test_one_message_that_cannot_be_written_takes_no_other_with_it(self, post: Post) -> None:
        post.decided(*keys(16))
        with post.store.write() as session:
            row = session.get(CommandRow, post.row("K005").seq)
            assert row is not None
            row.payload = row.payload.replace('"zone":"Asia/Tokyo"', '"zone":"Mars/Base"')
        post.send()
        assert post.outcomes() == dict.fromkeys(keys(16), "sent") | {"K005": "failed"}
        assert sorted(label for mail in post.mails("desk@") for label in labels(mail)) == [key for key in keys(16) if key != "K005"]
        assert len(post.mails("desk@")) == 4, "8, 4, 1 and 2 of them: no mail for each, that would be the storm again"
        assert {notice.split("/")[1] for notice in post.notices()} == {"K005"}


class TestTheOrderOfAnIncident:
    """A recovery never precedes its fault (R24)."""

    def test_holds_while_the_first_is_tried_again(self, post: Post) -> None:
        post.refusals["desk@example.test"] = "451 4.3.0 later"
        post.decided("A.fault", "B.fault")
        post.send()
        post.refusals.clear()
        post.decided("A.recovered", message=Message.RECOVERED)
        post.decided("C.fault")
        post.send()
        assert [labels(mail) for mail in post.mails("desk@")] == [["C.fault"]]
        post.after(RETRY_S[0])
        post.after(MINUTE_S)
        told = [label for mail in post.mails("desk@") for label in labels(mail)]
        assert told.index("A.fault") < told.index("A.recovered")
        assert set(post.outcomes().values()) == {"sent"}

    def test_holds_in_a_storm(self, post: Post) -> None:
        post.decided(*(f"{key}.fault" for key in keys(LIMIT + 1)))
        post.decided(*(f"{key}.recovered" for key in keys(LIMIT + 1)), message=Message.RECOVERED)
        post.send()
        assert labels(post.mails("desk@")[0]) == [f"{key}.fault" for key in keys(LIMIT + 1)]
        post.after(MINUTE_S)
        told = [label for mail in post.mails("desk@") for label in labels(mail)]
        assert len(told) == 2 * (LIMIT + 1)
        assert all(told.index(f"{key}.fault") < told.index(f"{key}.recovered") for key in keys(LIMIT + 1))

    def test_holds_when_the_sender_was_killed_while_it_sent_the_first(self, post: Post) -> None:
        post.decided("A.fault")
        assert outbox.claim(post.store, "A.fault", "killed", post.context.settings.lease_s) is not None
        post.decided("A.recovered", message=Message.RECOVERED)
        post.send("another")
        assert post.mails("desk@") == []
        lapse(post.store)
        post.send("another")
        assert [labels(mail) for mail in post.mails("desk@")] == [["A.fault"], ["A.recovered"]]


@pytest.mark.parametrize("accepted", [policy(mode=Mode.SHADOW)], ids=["people"])
class TestAPageThatWaited:
    """A person is woken for what needs one when the page goes out, not for what needed one hours ago (R25)."""

    def page(self, post: Post) -> CommandRow:
        """The first page to ``first``, by mail."""
        return next(row for row in post.engine.commands("Notify") if row.key.endswith("/page/mail/first"))

    def late(self, post: Post, *meanwhile: ev.Event) -> list[str]:
        """Bodies of what reaches ``first`` when its mail server takes mail again."""
        post.refusals["first@example.test"] = "451 4.3.0 later"
        post.engine.happens(post.engine.verdict("down", "http"))
        post.send()
        assert self.page(post).outcome is None
        post.engine.happens(*meanwhile)
        post.refusals.clear()
        post.after(RETRY_S[0])
        return post.mails("first@")

    def ended(self, post: Post) -> list[str]:
        incident = str(self.page(post).incident)
        with post.store.read() as session:
            lines = with_deliveries(session, incident, of_incident(session, incident, "en", "UTC"), "en", "UTC")
        return [line.text for line in lines if line.code is Code.NOT_NEEDED]

    def test_still_goes_out_while_somebody_is_needed(self, post: Post) -> None:
        [page] = self.late(post)
        assert "担当者の対応が必要です" in page
        assert (self.page(post).outcome, self.ended(post)) == ("sent", [])

    def test_wakes_nobody_for_what_is_over(self, post: Post) -> None:
        [notice] = self.late(post, post.engine.verdict("up", "http", Verdict.UP))
        assert "引き受けの操作は不要です。" in notice
        assert self.page(post).outcome == "not_needed"
        assert "The mail to first was no longer needed" in self.ended(post)[0]
        assert "This incident is over" in self.ended(post)[0]

    def test_wakes_nobody_for_what_another_has(self, post: Post) -> None:
        taken = ev.Acknowledged(id="ack", at_s=post.clock.at_s, incident="INC-000001", host=HOST, by="second")
        assert self.late(post, taken) == []
        assert self.page(post).outcome == "not_needed"
        assert "second has it already." in self.ended(post)[0]

    def test_wakes_nobody_for_an_incident_that_was_reopened_and_needs_nobody_yet(self, post: Post) -> None:
        held = ev.HoldSet(id="hold", at_s=post.clock.at_s, host=HOST, by="second", reason="at work")
        up, again = post.engine.verdict("up", "http", Verdict.UP), post.engine.verdict("again", "http")
        late = self.late(post, up, held, again)
        assert not any("担当者の対応が必要です" in mail for mail in late)
        assert "was reopened since this page was sent" in self.ended(post)[0]
        assert self.page(post).outcome == "not_needed"


class TestAMailServerThatAlwaysPutsOff:
    def test_is_tried_for_a_day_and_then_operators_are_told(self, post: Post) -> None:
        post.refusals["desk@example.test"] = "451 4.3.0 later"
        begun_s = post.clock.at_s
        post.decided("A.fault")
        post.send()
        waits_s: list[int] = []
        while len(waits_s) <= len(RETRY_S):
            waits_s.append(round(post.row("A.fault").not_before_s - post.clock.at_s))
            post.after(waits_s[-1] + 0.1)
        assert waits_s == [*RETRY_S, RETRY_S[-1]]
        post.after(begun_s + GIVE_UP_S - 1 - post.clock.at_s)
        assert (post.row("A.fault").outcome, post.notices()) == (None, [])
        post.after(RETRY_S[-1])
        assert post.row("A.fault").outcome == "failed"
        assert {notice.split("/", 1)[1] for notice in post.notices()} == {
            f"A.fault/failed/notice/delivery_failed/{way}" for way in ("mail/first", "mail/second", "webhook/second")
        }
        assert "451 4.3.0 later" in post.mails("first@")[0]

    def test_holds_up_what_came_after_it_no_longer_than_that(self, post: Post) -> None:
        post.refusals["desk@example.test"] = "451 4.3.0 later"
        post.decided("A.fault")
        post.send()
        post.clock.sleep(GIVE_UP_S - 60)
        post.decided("A.recovered", message=Message.RECOVERED)
        post.send()
        assert post.row("A.recovered").tries == 0
        post.after(300)
        post.refusals.clear()
        post.after(300)
        assert post.outcomes() == {"A.fault": "failed", "A.recovered": "sent"}
