"""The executor and its runs, cancelled, retried and killed, against the real server."""

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
from fixtures_prefect import PrefectBed, end, until

from flows.executor import RUNS_AT_ONCE, STOPPED


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "said"


def begun(said: Path, times: int = 1) -> int:
    """The process of the run that wrote there, once it did so that often."""
    lines = until(lambda: found if said.exists() and len(found := _begun(said)) >= times else None)
    return int(lines[-1].split()[1])


def _begun(said: Path) -> list[str]:
    return [line for line in said.read_text().splitlines() if line.startswith("began")]


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_cancelled_run_stops_at_once_and_does_not_finish_later(prefect_bed: PrefectBed, said: Path) -> None:
    run_id = prefect_bed.run(path=str(said), seconds=3)
    pid = begun(said)
    assert prefect_bed.api.cancel(run_id)
    state = prefect_bed.ended(run_id)
    assert (state.type, state.message) == ("CANCELLED", "cancelled: its host is on hold")
    assert gone(pid)
    assert f"{run_id} 1" in prefect_bed.cancelled.read_text().splitlines(), "it is said while the run's process is still there"
    time.sleep(3.5)  # as long as it would have worked
    assert "finished" not in said.read_text()
    assert prefect_bed.state(run_id).type == "CANCELLED"


def test_a_run_cancelled_before_it_began_does_not_begin(prefect_bed: PrefectBed, said: Path) -> None:
    assert prefect_bed.executor is not None
    prefect_bed.executor.send_signal(signal.SIGSTOP)
    try:
        run_id = prefect_bed.run(path=str(said))
        assert prefect_bed.api.cancel(run_id)
    finally:
        prefect_bed.executor.send_signal(signal.SIGCONT)
    assert prefect_bed.ended(run_id).type == "CANCELLED"
    later = prefect_bed.run(path=f"{said}-later")
    assert prefect_bed.ended(later).type == "COMPLETED"
    assert not said.exists()


def test_a_run_retried_in_the_ui_runs_again(prefect_bed: PrefectBed, said: Path) -> None:
    """That nothing is done twice is the claim's work: the run's ``begin`` finds its command done."""
    run_id = prefect_bed.run(path=str(said))
    prefect_bed.ended(run_id)
    body = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}, "force": True}
    assert prefect_bed.api._send("POST", f"/flow_runs/{run_id}/set_state", body).json()["status"] == "ACCEPT"
    begun(said, times=2)
    assert prefect_bed.ended(run_id).type == "COMPLETED"
    assert said.read_text().count("finished") == 2


def test_a_failing_run_failed_and_did_not_crash(prefect_bed: PrefectBed) -> None:
    state = prefect_bed.ended(prefect_bed.run("trial-failing"))
    assert state.type == "FAILED"


def test_a_killed_run_crashed_and_is_not_begun_again(prefect_bed: PrefectBed, said: Path) -> None:
    run_id = prefect_bed.run(path=str(said), seconds=30)
    os.kill(begun(said), signal.SIGKILL)
    state = prefect_bed.ended(run_id)
    assert state.type == "CRASHED"
    assert state.message == "its process ended with -9; its command goes on from the journal"
    time.sleep(2.5)  # two polls
    assert len(_begun(said)) == 1


def test_no_more_runs_at_once_than_agreed(prefect_bed: PrefectBed, tmp_path: Path) -> None:
    runs = [prefect_bed.run(path=str(tmp_path / str(number)), seconds=12) for number in range(RUNS_AT_ONCE + 2)]
    until(lambda: len(list(tmp_path.iterdir())) == RUNS_AT_ONCE)
    time.sleep(1.5)
    assert len(list(tmp_path.iterdir())) == RUNS_AT_ONCE
    assert {prefect_bed.ended(run_id).type for run_id in runs} == {"COMPLETED"}


def test_runs_end_with_a_killed_executor_and_the_next_one_says_so(prefect_bed: PrefectBed, said: Path) -> None:
    run_id = prefect_bed.run(path=str(said), seconds=30)
    pid = begun(said)
    assert prefect_bed.executor is not None
    end(prefect_bed.executor, signal.SIGKILL)
    until(lambda: gone(pid))
    assert prefect_bed.state(run_id).type == "RUNNING"
    prefect_bed.start_executor()
    state = prefect_bed.ended(run_id)
    assert (state.type, state.message) == ("CRASHED", "its executor was killed; its command goes on from the journal")
    assert len(_begun(said)) == 1


def test_a_cancelled_run_whose_executor_is_killed_stays_cancelled(prefect_bed: PrefectBed, said: Path) -> None:
    run_id = prefect_bed.run(path=str(said), seconds=30)
    begun(said)
    assert prefect_bed.executor is not None
    end(prefect_bed.executor, signal.SIGKILL)
    assert prefect_bed.api.cancel(run_id)
    prefect_bed.start_executor()
    assert prefect_bed.ended(run_id).type == "CANCELLED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_executor_that_is_stopped_ends_cleanly_and_cancels_nothing(
    prefect_bed: PrefectBed, said: Path, number: signal.Signals
) -> None:
    """A cancelled run would be a hold, and nobody asked for one."""
    run_id = prefect_bed.run(path=str(said), seconds=30)
    pid = begun(said)
    assert prefect_bed.executor is not None
    family = psutil.Process(prefect_bed.executor.pid).children(recursive=True)
    assert end(prefect_bed.executor, number) == 0
    assert gone(pid)
    until(lambda: not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE])
    state = prefect_bed.state(run_id)
    assert (state.type, state.message) == ("CRASHED", STOPPED)
    while_away = prefect_bed.run(path=f"{said}-later")
    prefect_bed.start_executor()
    assert prefect_bed.ended(while_away).type == "COMPLETED"


def test_a_run_goes_on_while_the_server_is_away_and_the_executor_serves_again(prefect_bed: PrefectBed, said: Path) -> None:
    run_id = prefect_bed.run(path=str(said), seconds=3)
    pid = begun(said)
    assert prefect_bed.server is not None
    end(prefect_bed.server, signal.SIGKILL)
    until(lambda: "finished" in said.read_text())
    prefect_bed.start_server()
    later = prefect_bed.run(path=f"{said}-later")
    assert prefect_bed.ended(later).type == "COMPLETED"
    until(lambda: gone(pid))
    assert prefect_bed.ended(run_id).type in {"COMPLETED", "CRASHED"}
    assert len(_begun(said)) == 1


def test_an_executor_waits_for_its_server(prefect_bed: PrefectBed, said: Path) -> None:
    assert prefect_bed.server is not None
    assert prefect_bed.executor is not None
    end(prefect_bed.executor, signal.SIGTERM)
    end(prefect_bed.server, signal.SIGTERM)
    said_before = prefect_bed.log.read_text().count("server is away")
    with pytest.raises(AssertionError, match="did not happen"):
        prefect_bed.start_executor(within_s=4)
    assert prefect_bed.log.read_text().count("server is away") == said_before + 1
    prefect_bed.start_server()
    assert prefect_bed.ended(prefect_bed.run(path=str(said))).type == "COMPLETED"
