"""Our few requests against the real Prefect server."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from fixtures_prefect import PrefectBed

from engine.prefect_api import ApiUnavailable, PrefectApi, PrefectError
from flows import server


def test_a_run_is_created_as_asked(prefect_bed: PrefectBed, tmp_path: object) -> None:
    run_id = prefect_bed.run(path=f"{tmp_path}/said")
    assert prefect_bed.ended(run_id).type == "COMPLETED"
    found = prefect_bed.api._http.get(f"/flow_runs/{run_id}").json()
    assert found["name"] == "INC-000001 web01"
    assert found["tags"] == ["incident:INC-000001"]


def test_the_same_key_is_the_same_run(prefect_bed: PrefectBed, tmp_path: object) -> None:
    first = prefect_bed.run(key="RUN-1", path=f"{tmp_path}/said")
    assert prefect_bed.run(key="RUN-1", path=f"{tmp_path}/said") == first
    prefect_bed.ended(first)
    assert prefect_bed.run(key="RUN-1", path=f"{tmp_path}/said") == first
    assert prefect_bed.run(key="RUN-2", path=f"{tmp_path}/said") != first


def test_states_of_many_runs_at_once(prefect_bed: PrefectBed, tmp_path: object) -> None:
    done = prefect_bed.run(path=f"{tmp_path}/said")
    failed = prefect_bed.run("trial-failing")
    prefect_bed.ended(done)
    prefect_bed.ended(failed)
    unknown = "00000000-0000-4000-8000-000000000000"
    found = prefect_bed.api.states([done, failed, unknown, *[unknown] * 300])
    assert {run_id: state.type for run_id, state in found.items()} == {done: "COMPLETED", failed: "FAILED"}
    assert "meant to fail" in found[failed].message
    assert prefect_bed.api.states([]) == {}


def test_parameters_the_form_does_not_know_are_refused(prefect_bed: PrefectBed) -> None:
    with pytest.raises(PrefectError, match="create a run of trial/trial: 409"):
        prefect_bed.run(path="/dev/null", seconds="many")


def test_cancelling_what_is_over_or_unknown_says_no(prefect_bed: PrefectBed, tmp_path: object) -> None:
    run_id = prefect_bed.run(path=f"{tmp_path}/said")
    prefect_bed.ended(run_id)
    assert not prefect_bed.api.cancel(run_id)
    assert not prefect_bed.api.cancel("00000000-0000-4000-8000-000000000000")
    assert prefect_bed.state(run_id).type == "COMPLETED"


def test_a_run_for_later_is_not_due_now(prefect_bed: PrefectBed) -> None:
    api = prefect_bed.api
    deployment = api.deployment_id("trial/trial")
    in_an_hour = datetime.now(UTC) + timedelta(hours=1)
    body = {
        "parameters": {"path": "/dev/null"},
        "state": {"type": "SCHEDULED", "state_details": {"scheduled_time": in_an_hour.isoformat()}},
    }
    run_id = api._send("POST", f"/deployments/{deployment}/create_flow_run", body).json()["id"]
    assert run_id not in api.due([deployment], datetime.now(UTC))
    assert api.due([deployment], in_an_hour + timedelta(seconds=1))[run_id] == deployment
    assert api.cancel(run_id)
    assert prefect_bed.ended(run_id).type == "CANCELLED"


def test_an_unserved_flow_is_worth_another_try(prefect_bed: PrefectBed) -> None:
    with pytest.raises(ApiUnavailable, match="has no deployment 'nobody/nobody' yet"):
        prefect_bed.run("nobody")


def test_an_outdated_csrf_token_is_renewed(prefect_bed: PrefectBed, tmp_path: object) -> None:
    prefect_bed.api._csrf_token = "out of date"
    assert prefect_bed.ended(prefect_bed.run(path=f"{tmp_path}/said")).type == "COMPLETED"


def test_a_deployment_made_anew_is_found_again(prefect_bed: PrefectBed, tmp_path: object) -> None:
    prefect_bed.api._deployments["trial/trial"] = "00000000-0000-4000-8000-000000000000"
    assert prefect_bed.ended(prefect_bed.run(path=f"{tmp_path}/said")).type == "COMPLETED"


def test_a_wrong_credential_is_named_and_not_repeated_in_the_message(prefect_bed: PrefectBed) -> None:
    with PrefectApi(server.api_url(prefect_bed.settings), "hikeshi:wrong-one") as api:
        assert api.healthy()
        with pytest.raises(PrefectError, match="the credential is not the one") as caught:
            api.states(["00000000-0000-4000-8000-000000000000"])
        assert "wrong-one" not in str(caught.value)
        assert not isinstance(caught.value, ApiUnavailable)


@contextmanager
def listening(answer: bytes | None) -> Iterator[str]:
    """A server that says ``answer`` to everybody, or accepts nobody's words at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        if answer is not None:
            Thread(target=_answering, args=(listener, answer), daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        listener.shutdown(socket.SHUT_RDWR)


def _answering(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            peer, _ = listener.accept()
        except OSError:
            return  # the test is over
        with peer:
            peer.recv(65536)
            peer.sendall(answer)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"not http at all\r\n\r\n",
        b"",
    ],
)
def test_a_server_in_trouble_is_unavailable(answer: bytes) -> None:
    with listening(answer) as url, PrefectApi(url, "hikeshi:x") as api:
        assert not api.healthy()
        with pytest.raises(ApiUnavailable):
            api.states(["x"])


@pytest.mark.parametrize(
    "said", [b"<html>starting</html>", b"", b"\xff", b"null", b"7", b'"yes"', b"[7]", b'[{"id": "x"}]', b'{"x": 1}']
)
def test_what_prefect_would_never_say_is_told_as_that(said: bytes) -> None:
    """Something else at its port, or another version: every one of our requests."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(said), said)
    with listening(answer) as url, PrefectApi(url, "hikeshi:x") as api:
        api._csrf_token = "known"
        api._deployments["known/known"] = "id"
        for ask in (
            lambda: api.create_run("known/known", parameters={}, tags=[], name="x", idempotency_key="x"),
            lambda: api.deployment_id("new/new"),
            lambda: api.states(["x"]),
            lambda: api.unfinished(["x"]),
            lambda: api.due(["x"], datetime.now(UTC)),
            lambda: api.cancel("x"),
        ):
            with pytest.raises(PrefectError, match="no answer of Prefect's"):
                ask()
        api._csrf_token = None
        with pytest.raises(PrefectError, match=r"get a CSRF token: 200 .*no answer of Prefect's"):
            api.cancel("x")


def test_an_answer_that_cannot_be_unpacked_is_no_answer() -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone"
    with listening(answer) as url, PrefectApi(url, "hikeshi:x") as api:
        with pytest.raises(ApiUnavailable, match="DecodingError"):
            api.deployment_id("new/new")
        assert not api.healthy()


def test_a_silent_server_does_not_hold_us_up() -> None:
    began = time.monotonic()
    with listening(None) as url, PrefectApi(url, "hikeshi:x") as api:
        assert not api.healthy()
        with pytest.raises(ApiUnavailable, match="does not answer"):
            api.states(["x"])
    assert time.monotonic() - began < 15  # not a speed: that there is a bound


def test_no_server_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with PrefectApi(f"http://127.0.0.1:{port}/api", "hikeshi:x") as api:
        assert not api.healthy()
        with pytest.raises(ApiUnavailable, match="does not answer: ConnectError"):
            api.cancel("x")
