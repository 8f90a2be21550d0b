"""The few requests we make of the Prefect server, over HTTP: importing Prefect costs a second and 80 MB, and only ``flows`` may.

Every call is bounded in time and waits for nothing; whoever calls decides when to try again.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

T = TypeVar("T")

STATES_AT_ONCE = 200
"""The server answers at most this many runs per request."""

CONFLICT_TRIES = 5
"""On SQLite the server answers 503 at once when two of its own transactions met; the next try is a new transaction."""

_TIMEOUT = httpx.Timeout(5.0, connect=1.0)
_LIMITS = httpx.Limits(max_keepalive_connections=0)
"""A connection for each request: the server closes the one on which it answered a conflict, and idle ones after 5 s."""


class PrefectError(Exception):
    """The server refused what was asked of it; asking again gets the same answer."""


class ApiUnavailable(PrefectError):  # noqa: N818 - says what is so, not only that it is an error
    """The server can't be reached, or can't answer now; asking again later makes sense."""


@dataclass(frozen=True, slots=True)
class RunState:
    """``type`` is one of Prefect's (SCHEDULED, PENDING, RUNNING, COMPLETED, FAILED, CRASHED, CANCELLING, CANCELLED, PAUSED),
    ``name`` what the UI shows; ``message`` explains it."""

    type: str
    name: str
    message: str


class PrefectApi:
    """A client of the API at ``url`` (``http://…/api``) with the credential ``user:password``."""

    def __init__(self, url: str, credential: str) -> None:
        user, _, password = credential.partition(":")
        # Proxies of the environment are ignored: they would be shown the credential.
        self._http = httpx.Client(base_url=url, auth=(user, password), timeout=_TIMEOUT, limits=_LIMITS, trust_env=False)
        self._csrf_client = str(uuid.uuid4())
        self._csrf_token: str | None = None
        self._deployments: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Does the server answer at all? Says nothing about the credential."""
        try:
            return self._http.get("/health", timeout=1.0).is_success
        except httpx.RequestError:
            return False

    def create_run(
        self,
        deployment: str,
        *,
        parameters: Mapping[str, object],
        tags: Sequence[str],
        name: str,
        idempotency_key: str,
    ) -> str:
        """Create a run of ``deployment`` (``flow/name``), due now; returns its id.

        The same ``idempotency_key`` returns the same run, also across a crash of the server.
        """
        body = {"parameters": dict(parameters), "tags": list(tags), "name": name, "idempotency_key": idempotency_key}
        known = deployment in self._deployments
        answer = self._send("POST", f"/deployments/{self.deployment_id(deployment)}/create_flow_run", body)
        if answer.status_code == httpx.codes.NOT_FOUND and known:
            # The id we remember is gone: the server's database was made anew.
            del self._deployments[deployment]
            answer = self._send("POST", f"/deployments/{self.deployment_id(deployment)}/create_flow_run", body)
        return _read(answer, f"create a run of {deployment}", _id)

    def states(self, run_ids: Iterable[str]) -> dict[str, RunState]:
        """The state of each run; a run the server doesn't know is left out."""
        wanted = list(run_ids)
        found: dict[str, RunState] = {}
        for start in range(0, len(wanted), STATES_AT_ONCE):
            some = wanted[start : start + STATES_AT_ONCE]
            body = {"flow_runs": {"id": {"any_": some}}, "limit": STATES_AT_ONCE}
            found |= _read(self._send("POST", "/flow_runs/filter", body), "read the states of runs", _states)
        return found

    def cancel(self, run_id: str) -> bool:
        """Ask for the run to be cancelled; false where it is over already or unknown."""
        # A run that has no process yet is not accepted as cancelling: the server cancels it there and then.
        return self._propose(run_id, "CANCELLING") in {"CANCELLING", "CANCELLED"}

    def deployment_id(self, name: str) -> str:
        """The id of deployment ``flow/name``; remembered."""
        if name not in self._deployments:
            answer = self._send("GET", f"/deployments/name/{name}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise ApiUnavailable(f"Prefect has no deployment {name!r} yet: the executor has not served it")
            self._deployments[name] = _read(answer, f"find deployment {name}", _id)
        return self._deployments[name]

    def due(self, deployment_ids: Sequence[str], before: datetime) -> dict[str, str]:
        """Runs of these deployments that are to start before then, the earliest first: run id to deployment id."""
        body = {"deployment_ids": list(deployment_ids), "scheduled_before": before.isoformat(), "limit": STATES_AT_ONCE}
        answer = self._send("POST", "/deployments/get_scheduled_flow_runs", body)
        return _read(answer, "read what runs are due", lambda runs: {str(run["id"]): str(run["deployment_id"]) for run in runs})

    def unfinished(self, deployment_ids: Sequence[str]) -> dict[str, RunState]:
        """Runs of these deployments that somebody began and nobody ended."""
        body = {
            "deployments": {"id": {"any_": list(deployment_ids)}},
            "flow_runs": {"state": {"type": {"any_": ["PENDING", "RUNNING", "CANCELLING"]}}},
            "limit": STATES_AT_ONCE,
        }
        return _read(self._send("POST", "/flow_runs/filter", body), "read unfinished runs", _states)

    def set_state(self, run_id: str, kind: str, message: str = "", *, force: bool = False) -> bool:
        """Propose the state of that type; false where the server's rules refuse it or the run is unknown.

        ``force`` asks no rules.
        """
        return self._propose(run_id, kind, message, force=force) == kind

    def _propose(self, run_id: str, kind: str, message: str = "", *, force: bool = False) -> str | None:
        """The type of the state that the server made of it; ``None`` where it made none."""
        state = {"type": kind, "name": kind.capitalize(), "message": message}
        answer = self._send("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": force})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        return _read(answer, f"set run {run_id} to {kind}", _made)

    def _send(self, method: str, path: str, body: object = None) -> httpx.Response:
        try:
            for _ in range(CONFLICT_TRIES):
                answer = self._once(method, path, body)
                if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    break
        except httpx.RequestError as error:
            raise ApiUnavailable(f"Prefect at {self._http.base_url} does not answer: {type(error).__name__}: {error}") from error
        return answer

    def _once(self, method: str, path: str, body: object) -> httpx.Response:
        if method == "GET":
            return self._http.get(path)
        answer = self._http.request(method, path, json=body, headers=self._csrf_headers())
        if answer.status_code == httpx.codes.FORBIDDEN:
            # The token has expired, or the server's database was made anew.
            self._csrf_token = None
            answer = self._http.request(method, path, json=body, headers=self._csrf_headers())
        return answer

    def _csrf_headers(self) -> dict[str, str]:
        if self._csrf_token is None:
            answer = self._send("GET", f"/csrf-token?client={self._csrf_client}")
            self._csrf_token = _read(answer, "get a CSRF token", lambda made: str(made["token"]))
        return {"Prefect-Csrf-Token": self._csrf_token, "Prefect-Csrf-Client": self._csrf_client}


def _id(made: Any) -> str:
    return str(made["id"])


def _made(answer: Any) -> str | None:
    return None if answer["state"] is None or answer["status"] in {"ABORT", "WAIT"} else str(answer["state"]["type"])


def _states(runs: Any) -> dict[str, RunState]:
    return {str(run["id"]): _state(run) for run in runs}


def _state(run: Mapping[str, Any]) -> RunState:
    state = run["state"] or {}
    return RunState(type=state.get("type", ""), name=state.get("name", ""), message=state.get("message") or "")


def _read(answer: httpx.Response, doing: str, take: Callable[[Any], T]) -> T:
    """What ``take`` finds in the server's JSON; ``PrefectError`` where the server says no, or says what Prefect never would."""
    said = f"Prefect could not {doing}: {answer.status_code} {answer.text[:200]}"
    if answer.is_success:
        try:
            return take(answer.json())
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise PrefectError(f"{said} (no answer of Prefect's: is this port something else's?)") from error
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        raise PrefectError(f"{said} (the credential is not the one the server was started with)")
    if answer.is_server_error or answer.status_code in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT}:
        raise ApiUnavailable(said)
    raise PrefectError(said)
