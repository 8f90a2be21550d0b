"""Who may talk to the Prefect server, and who knows its credential."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import websockets.exceptions
from fixtures_prefect import PrefectBed
from websockets.asyncio.client import connect

from flows import server

FOREIGN = "https://evil.example"


@pytest.fixture
def browser(prefect_bed: PrefectBed) -> Iterator[httpx.Client]:
    """What a browser sends that remembers the operator's login."""
    user, _, password = prefect_bed.credential.partition(":")
    url = server.api_url(prefect_bed.settings)
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, auth=(user, password), limits=limits, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("auth", [None, ("hikeshi", "guessed"), ("hikeshi", "")])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/admin/settings"), ("GET", "/csrf-token?client=x"), ("GET", "/flow_runs/count")]
)
def test_without_the_credential_nothing_is_told(
    prefect_bed: PrefectBed, method: str, path: str, auth: tuple[str, str] | None
) -> None:
    answer = httpx.request(method, server.api_url(prefect_bed.settings) + path, auth=auth, trust_env=False)
    assert answer.status_code == 401
    assert answer.json() == {"exception_message": "Unauthorized"}


def test_a_post_from_another_origin_is_refused(prefect_bed: PrefectBed, browser: httpx.Client) -> None:
    deployment = prefect_bed.api.deployment_id("trial/trial")
    runs = prefect_bed.api._send("POST", "/flow_runs/count", {}).json()
    token = browser.get("/csrf-token", params={"client": "mine"}).json()["token"]
    for headers in (
        {"Origin": FOREIGN, "Sec-Fetch-Site": "cross-site", "Content-Type": "text/plain"},
        {"Origin": FOREIGN, "Prefect-Csrf-Client": "mine", "Prefect-Csrf-Token": "guessed"},
        {"Origin": FOREIGN, "Prefect-Csrf-Client": "another", "Prefect-Csrf-Token": token},
    ):
        answer = browser.post(
            f"/deployments/{deployment}/create_flow_run", json={"parameters": {"path": "/dev/null"}}, headers=headers
        )
        assert answer.status_code == 403, headers
    assert prefect_bed.api._send("POST", "/flow_runs/count", {}).json() == runs


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://localhost:1", "http://127.0.0.1.evil.example"])
def test_another_origin_is_never_allowed_to_read_or_ask(prefect_bed: PrefectBed, browser: httpx.Client, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "prefect-csrf-token"}
    preflight = browser.options("/flow_runs/filter", headers=asked)
    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    for path in ("/csrf-token?client=x", "/deployments/name/trial/trial"):
        answer = browser.get(path, headers={"Origin": origin})
        assert "access-control-allow-origin" not in answer.headers


def test_the_ui_is_an_allowed_origin(prefect_bed: PrefectBed, browser: httpx.Client) -> None:
    origin = prefect_bed.settings.prefect_url
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    assert browser.options("/flow_runs/filter", headers=asked).headers["access-control-allow-origin"] == origin


def test_the_ui_is_there_and_the_one_that_works_offline(prefect_bed: PrefectBed) -> None:
    found = httpx.get(f"{prefect_bed.settings.prefect_url}/ui-settings", trust_env=False).json()
    assert found["default_ui"] == "v1"
    assert found["auth"] == "BASIC"
    assert found["csrf_enabled"]
    page = httpx.get(prefect_bed.settings.prefect_url, headers={"Accept": "text/html"}, follow_redirects=True, trust_env=False)
    assert "<title>Prefect" in page.text
    assert "https://" not in page.text


@pytest.mark.parametrize("path", ["/events/in", "/events/out", "/logs/out"])
@pytest.mark.parametrize("subprotocols", [None, ["prefect"]])
def test_sockets_ask_for_the_credential(prefect_bed: PrefectBed, path: str, subprotocols: list[str] | None) -> None:
    url = server.api_url(prefect_bed.settings).replace("http", "ws", 1) + path

    async def listen() -> object:
        async with connect(url, subprotocols=subprotocols, origin=FOREIGN, proxy=None) as socket:  # type: ignore[arg-type]  # Subprotocol is a NewType of str
            await socket.send('{"type": "auth", "token": "guessed"}')
            return await socket.recv()

    with pytest.raises((websockets.exceptions.ConnectionClosed, websockets.exceptions.InvalidStatus)):
        asyncio.run(listen())


def test_who_knows_the_credential(prefect_bed: PrefectBed, tmp_path: Path) -> None:
    """No argument list holds it, and of the environments only those of the server, the executor and its runs."""
    said = tmp_path / "said"
    run_id = prefect_bed.run(path=str(said), seconds=20)
    secret = prefect_bed.credential.partition(":")[2].encode()
    assert prefect_bed.server is not None
    assert prefect_bed.executor is not None
    for process in psutil.process_iter():
        try:
            assert secret not in (Path("/proc") / str(process.pid) / "cmdline").read_bytes(), process
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended
    family = {process.pid for parent in (prefect_bed.server, prefect_bed.executor) for process in _with_children(parent.pid)}
    assert len(family) >= 4
    ours = {process.pid for process in _with_children(os.getpid())} | family
    knows = {pid for pid in ours if secret in (Path("/proc") / str(pid) / "environ").read_bytes()}
    assert {prefect_bed.server.pid, prefect_bed.executor.pid} <= knows <= family
    assert secret not in prefect_bed.log.read_bytes()
    assert secret.decode() not in prefect_bed.api._http.get(f"/flow_runs/{run_id}").text
    prefect_bed.api.cancel(run_id)
    prefect_bed.ended(run_id)


def test_what_prefect_keeps_is_closed_to_other_users(prefect_bed: PrefectBed) -> None:
    folder = prefect_bed.settings.home / "prefect"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "server" / "prefect.db").exists()
    assert (folder / "credential").stat().st_mode & 0o777 == 0o600


def _with_children(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
