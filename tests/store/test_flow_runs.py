"""A flow run that people cancel holds its host, whoever sees it and however early."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hand_clock import HandClock
from sqlalchemy import update
from store_samples import NOW_S, WAIT_S, policy, run

from domain.events import HoldSet
from engine.context import Context
from engine.dispatch import Dispatcher
from engine.flow_runs import hold_cancelled, tags
from engine.prefect_api import PrefectApi
from engine.settings import Settings
from store import inbox, outbox
from store.db import Store
from store.tables import CommandRow


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    clock = HandClock()
    made = Context(Settings(home=tmp_path), Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock), clock)
    made.store.migrate()
    yield made
    made.close()


def put(context: Context, prefer: str | None = None) -> str:
    command = run(prefer=prefer)
    with context.store.write() as session:
        outbox.put(session, command)
    return command.key


def holds(context: Context) -> list[tuple[str, str | None]]:
    with context.store.read() as session:
        return [(event.id, event.host) for _, event in inbox.pending(session) if isinstance(event, HoldSet)]


def test_a_run_asked_for_in_a_form_is_known_by_it_from_its_first_moment(context: Context) -> None:
    put(context, prefer="flow:abc")
    assert hold_cancelled(context, "abc")
    assert holds(context) == [("cancelled/abc", "web01")]


def test_a_run_that_a_flow_run_has_claimed(context: Context) -> None:
    key = put(context)
    assert outbox.claim(context.store, key, "flow:abc", WAIT_S) is not None
    assert hold_cancelled(context, "abc")
    assert holds(context) == [("cancelled/abc", "web01")]


def test_however_many_see_it_it_is_one_hold(context: Context) -> None:
    put(context, prefer="flow:abc")
    assert hold_cancelled(context, "abc")
    assert hold_cancelled(context, "abc")
    assert len(holds(context)) == 1


def test_what_is_done_or_another_is_no_hold(context: Context) -> None:
    key = put(context, prefer="flow:abc")
    assert not hold_cancelled(context, "another")
    assert outbox.claim(context.store, key, "flow:abc", WAIT_S) is not None
    with context.store.write() as session:
        assert outbox.complete(session, key, "flow:abc", "fixed", "", NOW_S)
    assert not hold_cancelled(context, "abc")
    assert holds(context) == []


def test_a_search_finds_a_run_by_what_it_is_about() -> None:
    assert tags(policy(), "web01", "INC-000001", 4) == ["incident:INC-000001", "host:web01", "customer:acme", "level:4"]
    assert tags(None, "web01") == tags(policy(0), "web01") == ["host:web01"]


def test_an_engine_that_wakes_too_late_takes_no_flow_run_away(context: Context) -> None:
    """While it asked Prefect, another engine made the run; its own request is refused."""
    put(context)

    class Late(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with context.store.write() as session:
                session.exec(update(CommandRow).values(flow_run="abc"))
            self.send_error(401)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's terminal."""

    with HTTPServer(("127.0.0.1", 0), Late) as server, PrefectApi(f"http://127.0.0.1:{server.server_port}/api", "a:b") as api:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        Dispatcher(context, api).once()
        server.shutdown()
    assert hold_cancelled(context, "abc")
