"""Our flows as operators meet them in the Prefect UI, with everything of `hikeshi up` running around a real sshd and web server:
what they show, and that cancelling, retrying and killing their runs never does anything twice."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from fixtures_prefect import until
from fixtures_up import Up
from prefect_ui import browser

from engine.own_secret import read as read_own_secret
from store import overlay

UNIT = "nginx"


@pytest.fixture
def broken(up: Up) -> Iterator[int]:
    """The web server killed, and how often it was started before; mended in the end."""
    before = up.host.service_starts(UNIT)
    up.host.break_service(UNIT)
    yield before
    if not up.all_up():
        up.host.restart_service(UNIT)
    until(up.settled, 90)


@pytest.fixture
def cannot_start(up: Up) -> Iterator[None]:
    """The web server ends at once when it is started."""
    serve = up.host.folder / "serve"
    text = serve.read_text()
    serve.write_text("#!/bin/sh\nexit 1\n")
    yield
    serve.write_text(text)


def newest_run(up: Up, more_than: int) -> str:
    """The flow run of the newest Run command, as soon as there are more such commands than that."""

    def found() -> str | None:
        runs = up.commands("Run")
        return runs[-1].flow_run if len(runs) > more_than else None

    return until(found, 60)


def only_run(up: Up) -> psutil.Process:
    """The process of the one flow run that goes on: the executor's fork server's child."""
    assert up.process is not None
    [executor] = [child for child in psutil.Process(up.process.pid).children() if "flows.serve" in child.cmdline()]
    [run] = [run for child in executor.children() for run in child.children()]
    return run


def prefect_server(up: Up) -> psutil.Process:
    assert up.process is not None
    [server] = [child for child in psutil.Process(up.process.pid).children() if "prefect" in child.cmdline()]
    return server


def test_first_line_is_shown_step_by_step(up: Up, broken: int) -> None:
    runs = len(up.commands("Run"))
    run_id = newest_run(up, runs)
    state = up.ended(run_id)
    assert (state.type, state.name) == ("COMPLETED", "Recovered")
    assert up.host.service_starts(UNIT) == broken + 1

    run = up.run(run_id)
    incident = up.commands("Run")[-1].incident
    assert incident is not None
    assert run["name"] == f"{incident} web01"
    assert {f"incident:{incident}", "host:web01", "customer:shop", "level:4"} <= set(run["tags"])

    found = until(lambda: tasks if len(tasks := up.tasks(run_id)) >= 10 else None, 15)
    titles = [title for title, _, _ in found]
    assert titles[0] == "look: web01/http"
    assert {"announce: work starts", "mail: work_started to office", "restart_service: nginx.service"} <= set(titles)
    assert {"mail: recovered to office", "mail: recovered to engineering", f"report: {incident}"} <= set(titles)
    assert titles.index("mail: work_started to office") < titles.index("restart_service: nginx.service")
    by_title = {title: (kind, name) for title, kind, name in found}
    assert by_title["restart_service: nginx.service"] == ("COMPLETED", "Done")
    assert by_title["mail: recovered to office"] == ("COMPLETED", "Sent")
    assert by_title[f"report: {incident}"] == ("COMPLETED", "Written")
    assert [name for title, _, name in found if title == "look: web01/http"] == ["Down", "Down", "Up"]

    first = up.artifacts(run_id)[0]
    assert first["key"] == incident.lower()
    assert first["type"] == "markdown"
    assert f"# {incident}" in first["data"]
    assert "recover" in first["data"].lower()
    assert list(up.settings.reports.glob(f"{incident}.*.pdf"))


def test_the_run_in_the_ui_is_the_one_that_acts(up: Up, broken: int) -> None:
    run_id = newest_run(up, len(up.commands("Run")))
    up.ended(run_id)
    attempts = up.attempts(up.commands("Run")[-1].key)
    assert [attempt.action for attempt in attempts] == ["look", "announce", "look", "restart_service", "look"]
    assert {attempt.claimer for attempt in attempts} == {f"flow:{run_id}"}


def test_a_retried_run_does_nothing_twice(up: Up, broken: int) -> None:
    run_id = newest_run(up, len(up.commands("Run")))
    up.ended(run_id)
    mails = len(up.sink.mails())
    up.retry(run_id)
    until(lambda: up.run(run_id)["run_count"] == 2)
    state = up.ended(run_id)
    assert (state.type, state.name) == ("COMPLETED", "Done elsewhere")
    assert state.message == f"was done (fixed) by flow:{run_id}"
    assert up.host.service_starts(UNIT) == broken + 1
    assert len(up.sink.mails()) == mails


def test_cancelling_a_run_is_a_hold(up: Up, broken: int, cannot_start: None) -> None:
    run_id = newest_run(up, len(up.commands("Run")))
    until(lambda: up.host.service_starts(UNIT) == broken + 1)
    assert up.api.cancel(run_id)
    assert up.ended(run_id).type == "CANCELLED"
    until(lambda: "hold_set" in up.reasons())
    time.sleep(up.settings.lease_s + up.settings.orphan_s)  # long enough for hands to take it, if it could
    assert up.host.service_starts(UNIT) == broken + 1
    states = {run["state"]["type"] for run in up.ask("/flow_runs/filter", {"flow_runs": {"id": {"any_": [run_id]}}})}
    assert states == {"CANCELLED"}
    released = up.begin_by_form("hold", host="web01", operator="first-line", reason="looked at it", release=True)
    assert up.ended(released).name == "Done"


@pytest.mark.proof  # for half a minute it is watched whether the service comes up; test_flow_killed.py has the quick case
def test_a_killed_run_is_gone_on_with_by_hands(up: Up, broken: int, cannot_start: None) -> None:
    """After the restart: it is settled by looking, and not done again."""
    run_id = newest_run(up, len(up.commands("Run")))
    until(lambda: up.host.service_starts(UNIT) == broken + 1)
    os.kill(only_run(up).pid, signal.SIGKILL)
    assert up.ended(run_id).type == "CRASHED"
    key = up.commands("Run")[-1].key
    done = until(lambda: row if (row := up.commands("Run")[-1]).done_s is not None else None, 120)
    assert done.key == key
    assert str(done.claimed_by).startswith("hands:")
    assert done.outcome == "not_fixed"
    assert up.host.service_starts(UNIT) == broken + 1


def test_while_prefects_server_stands_still_hands_recovers_and_its_return_repeats_nothing(up: Up, broken: int) -> None:
    """What the server had been asked for before it stood still comes to it late: that run finds the work taken."""
    server = prefect_server(up)
    server.suspend()
    try:
        until(lambda: up.host.service_starts(UNIT) == broken + 1, 60)
    finally:
        server.resume()
    until(up.settled, 60)
    row = up.commands("Run")[-1]
    assert (row.outcome, str(row.claimed_by).partition(":")[0]) == ("fixed", "hands")
    ends = {up.ended(run).name for run in up.runs_of(f"incident:{row.incident}")}
    assert ends <= {"Done elsewhere", "Written"}, "the report may be written by a flow run again"
    assert up.host.service_starts(UNIT) == broken + 1


def test_a_dry_run_shows_the_very_command_lines(up: Up) -> None:
    before = up.host.service_starts(UNIT)
    run_id = up.begin_by_form("run-runbook", runbook="restart-service", host="web01", operator="first-line", reason="try it")
    assert up.ended(run_id).name == "Shown"
    [artifact] = up.artifacts(run_id)
    assert "sudo -n systemctl restart nginx.service" in artifact["data"]
    assert up.run(run_id)["name"] == "restart-service web01"
    assert set(up.run(run_id)["tags"]) == {"host:web01", "customer:shop"}
    assert up.host.service_starts(UNIT) == before


def test_an_operators_run_is_the_same_when_retried(up: Up) -> None:
    before = up.host.service_starts(UNIT)
    run_id = up.begin_by_form(
        "run-runbook", runbook="restart-service", host="web01", operator="first-line", reason="new config", dry_run=False
    )
    state = up.ended(run_id)
    assert state.type == "COMPLETED", state
    assert up.host.service_starts(UNIT) == before + 1
    up.retry(run_id)
    until(lambda: up.run(run_id)["run_count"] == 2)
    assert up.ended(run_id).name == "Done elsewhere"
    assert up.host.service_starts(UNIT) == before + 1


def test_an_operator_starts_a_run_in_the_browser_and_watches_it_finish(up: Up, tmp_path: Path) -> None:
    before = up.host.service_starts(UNIT)
    known = {run["id"] for run in up.ask("/flow_runs/filter", {})}

    def begun() -> str:
        return next((str(run["id"]) for run in up.ask("/flow_runs/filter", {}) if run["id"] not in known), "")

    with browser(up.settings.prefect_url, tmp_path) as ui:
        ui.sign_in(read_own_secret(up.settings.prefect_credential))
        ui.open_form("run-runbook")
        ui.choose("runbook", "restart-service")
        ui.fill(host="web01", operator="first-line", reason="new config")
        ui.untick("dry_run")
        run_id = ui.submit(begun)
        ui.until_state("Recovered")
        assert ui.servers_asked() == {urlsplit(up.settings.prefect_url).netloc}, "nothing is fetched from elsewhere"
    assert up.ended(run_id).type == "COMPLETED"
    assert up.run(run_id)["parameters"] == {
        "runbook": "restart-service",
        "host": "web01",
        "operator": "first-line",
        "reason": "new config",
        "service": None,
        "dry_run": False,
        "own": None,
    }
    assert up.host.service_starts(UNIT) == before + 1


def test_a_hold_by_form_stops_an_operators_run_too(up: Up) -> None:
    before = up.host.service_starts(UNIT)
    held = up.begin_by_form("hold", host="ALL", operator="second-line", reason="something is wrong here")
    assert up.ended(held).name == "Done"
    run_id = up.begin_by_form(
        "run-runbook", runbook="restart-service", host="web01", operator="first-line", reason="new config", dry_run=False
    )
    state = up.ended(run_id)
    assert (state.type, state.name) == ("FAILED", "Refused")
    assert "hold" in state.message
    released = up.begin_by_form("hold", host="ALL", operator="second-line", reason="all is well", release=True)
    assert up.ended(released).name == "Done"
    assert up.host.service_starts(UNIT) == before


def test_a_pause_by_form_is_in_the_customers_time(up: Up) -> None:
    run_id = up.begin_by_form(
        "pause", scope="customer", name="shop", operator="first-line", reason="upgrade", minutes=30, start="2031-05-04T18:00:00Z"
    )
    state = up.ended(run_id)
    assert (state.type, state.name) == ("COMPLETED", "Done")
    with up.context.store.read() as session:
        [pause] = overlay.pauses(session)
    assert (pause.start, pause.zone, pause.duration_s, pause.customer) == ("2031-05-05T03:00:00", "Asia/Tokyo", 1800.0, "shop")
    assert (pause.by, pause.reason) == ("first-line", "upgrade")


@pytest.mark.parametrize(
    ("flow", "fields", "message"),
    [
        ("hold", {"host": "web02"}, "host 'web02' is not in the inventory; would be right: web01"),
        ("pause", {"scope": "host", "name": "web02"}, "host 'web02' is not in the inventory; would be right: web01"),
        ("pause", {"scope": "customer", "name": "acme"}, "customer 'acme' is not in the inventory; would be right: shop"),
        ("run-runbook", {"runbook": "restart-service", "host": "web02"}, "host 'web02' is not in the inventory"),
        (
            "run-runbook",
            {"runbook": "restart-service", "host": "web01", "operator": "root"},
            "operator 'root' is not in the inventory",
        ),
        (
            "hold",
            {"host": "web01", "operator": "root"},
            "operator 'root' is not in the inventory; would be right: first-line, second-line",
        ),
    ],
)
def test_what_is_not_there_is_not_possible(up: Up, flow: str, fields: dict[str, str], message: str) -> None:
    state = up.ended(up.begin_by_form(flow, **{"operator": "first-line", "reason": "try", **fields}))
    assert (state.type, state.name) == ("FAILED", "Not possible")
    assert message in state.message


@pytest.mark.parametrize(
    ("flow", "fields"),
    [
        ("pause", {"scope": "host", "name": "web01", "minutes": 999_999}),
        ("pause", {"scope": "host", "name": "web01", "minutes": 0}),
        ("pause", {"scope": "host", "name": "web01", "repeat": "hourly"}),
        ("pause", {"scope": "check", "name": "web01"}),
        ("hold", {"host": ""}),
        ("hold", {"host": "all"}),
        ("run-runbook", {"runbook": "rm", "host": "web01"}),
        ("run-runbook", {"runbook": "restart-service", "host": "web01; reboot"}),
        ("hold", {"host": "web01", "reason": ""}),
    ],
)
def test_the_form_refuses_what_can_not_be(up: Up, flow: str, fields: dict[str, object]) -> None:
    """At the server already: the forms in the browser are not trusted. A host called `all` is just unknown."""
    deployment = up.api.deployment_id(f"{flow}/{flow}")
    given = {"operator": "first-line", "reason": "try", **fields}
    answer = up.api._send("POST", f"/deployments/{deployment}/create_flow_run", {"parameters": given})
    if fields == {"host": "all"}:
        assert up.ended(answer.json()["id"]).name == "Not possible"
    else:
        assert answer.status_code == 409, answer.text


def test_secrets_are_nowhere_in_prefect(up: Up) -> None:
    """Nor in any log, nor in the environment of children that need none."""
    key = up.identity.read_text().splitlines()[2]
    credential = up.settings.prefect_credential.read_text().strip().partition(":")[2]
    kept = [path for path in up.settings.home.rglob("*") if path.is_file() and path != up.settings.prefect_credential]
    assert len(kept) > 10
    assert [path for path in kept if key.encode() in path.read_bytes() or credential.encode() in path.read_bytes()] == []
    assert up.process is not None
    knows = set()
    for process in psutil.Process(up.process.pid).children(recursive=True):
        folder = Path("/proc") / str(process.pid)
        assert credential.encode() not in (folder / "cmdline").read_bytes()
        if credential.encode() in (folder / "environ").read_bytes():
            knows.add(process.cmdline()[2].split(" import ")[0])
    # The last two are the executor's own: its runs are forked from the one, the other tidies up after both.
    assert knows == {"prefect", "flows.serve", "from multiprocessing.forkserver", "from multiprocessing.resource_tracker"}


def test_everything_ends_with_up(up: Up) -> None:
    assert up.process is not None
    family = psutil.Process(up.process.pid).children(recursive=True)
    assert {process.cmdline()[2] for process in family} >= {"prefect", "flows.serve", "hikeshi"}
    assert up.stop() == 0
    until(lambda: not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE], 20)
