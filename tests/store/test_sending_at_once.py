"""Recipients do not wait for each other: the receiver of one hangs, and the pages to the others go out."""

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hand_clock import HandClock
from local import Hook
from sample_messages import a_notify
from sample_policy import policy
from sqlmodel import col, select

from domain.commands import Message
from domain.model import Operator
from engine.context import Context
from engine.hands import SENT_AT_ONCE, Hands
from engine.sending import Counter
from engine.settings import Settings
from store import outbox, policies
from store.codec import encode
from store.db import Store
from store.tables import CommandRow

SOON_S = 8.0
"""Shorter than what a webhook has to answer, so that what comes meanwhile has not waited for one that hangs."""
INCIDENTS = 8


class Sender:
    """Pages to operators whose webhooks these are; the clock stands still, so that nothing is tried a second time."""

    def __init__(self, folder: Path, webhooks: Mapping[str, str]) -> None:
        self.clock = clock = HandClock()
        self.store = Store(f"sqlite:///{folder / 'hikeshi.db'}", clock)
        self.store.migrate()
        self.context = Context(Settings(home=folder, prefect=False), self.store, clock)
        operators = {name: Operator(name, name, webhook=url) for name, url in webhooks.items()}
        known = replace(policy(), operators=operators)
        with self.store.write() as session:
            policies.accept(session, known.version, encode(known), "test", clock.at_s)

    def page(self, *operators: str, incidents: Sequence[int] = range(INCIDENTS)) -> None:
        """Of each incident one to each, in this order."""
        with self.store.write() as session:
            for incident in (f"INC-{number:06}" for number in incidents):
                for name in operators:
                    made = a_notify(Message.PAGE, "en", key=f"{incident}/1/page/webhook/{name}", channel="webhook")
                    outbox.put(session, replace(made, incident=incident, recipient=name))

    def tries(self) -> list[int]:
        with self.store.read() as session:
            return [row.tries for row in session.exec(select(CommandRow).order_by(col(CommandRow.seq)))]

    @contextlib.contextmanager
    def hands(self) -> Iterator[None]:
        stop = threading.Event()
        running = threading.Thread(target=Hands(self.context).run, args=(stop,))
        running.start()
        try:
            yield
        finally:
            stop.set()
            running.join(30)
        assert not running.is_alive()


@pytest.fixture
def hanging() -> Iterator[socket.socket]:
    """Takes connections, and never answers what is asked over them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(SOON_S)
        yield listener


def url(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


def until_got(hook: Hook, count: int) -> None:
    ended = threading.Event()
    for _ in range(int(SOON_S / 0.02)):
        if len(hook.keys) == count:
            return
        ended.wait(0.02)
    pytest.fail(f"{len(hook.keys)} of {count} arrived")


def test_one_that_hangs_holds_up_nobody(tmp_path: Path, hanging: socket.socket) -> None:
    with Hook() as second:
        sender = Sender(tmp_path, {"first": url(hanging), "second": second.url})
        sender.page("first", "second")
        with sender.hands():
            conversation, _ = hanging.accept()
            until_got(second, INCIDENTS)
            hanging.close()
            conversation.close()
    assert second.keys == sorted(second.keys), "to one recipient in their order"


def test_as_many_as_are_sent_to_at_once_hold_up_the_others_for_one_try(tmp_path: Path, hanging: socket.socket) -> None:
    hang = [f"hangs{number}" for number in range(SENT_AT_ONCE)]
    with Hook() as last:
        sender = Sender(tmp_path, {**dict.fromkeys(hang, url(hanging)), "last": last.url})
        sender.page(*hang, "last")
        with sender.hands(), contextlib.ExitStack() as conversations:
            begun = [conversations.enter_context(hanging.accept()[0]) for _ in hang]
            begun[0].close()
            until_got(last, INCIDENTS)
            hanging.close()


def test_who_could_not_be_told_one_thing_is_not_told_the_next_at_once(tmp_path: Path) -> None:
    with Hook() as first:
        first.status = 503
        sender = Sender(tmp_path, {"first": first.url})
        sender.page("first")
        counter = Counter(sender.context, "hands", "webhook", threading.Event())
        assert counter.line_up() == 1
        counter.serve()
    assert sender.tries() == [1] + [0] * (INCIDENTS - 1)


def test_who_could_not_be_told_comes_after_the_others_the_last_one_last(tmp_path: Path) -> None:
    with Hook() as hook:
        sender = Sender(tmp_path, dict.fromkeys(("first", "second", "third"), hook.url))
        counter = Counter(sender.context, "hands", "webhook", threading.Event())

        def served() -> list[str]:
            counter.line_up()
            counter.serve()
            sender.clock.sleep(1)
            return [key.rpartition("/")[2] for key in hook.keys]

        hook.status = 503
        sender.page("first", incidents=[1])
        assert served() == []
        sender.page("second", incidents=[2])
        assert served() == []
        hook.status = 204
        sender.page("second", "first", "third", incidents=[3])
        assert served() == ["third", "first", "second"]
        sender.page("second", "first", "third", incidents=[4])
        assert served()[3:] == ["second", "first", "third"], "as ever, once they are reached"
