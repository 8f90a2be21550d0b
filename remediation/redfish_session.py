"""Speaks to a Redfish service (DSP0266) over verified TLS."""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from domain.model import PowerControl
from domain.ports import Clock
from probes.bmc_words import redfish_health
from remediation.action import CannotReach, Guard
from remediation.power_driver import Answer, Order, Seen
from remediation.redfish_words import RESET_TYPES, SYSTEMS, boot_body, origin_of, request_line, reset_path, system_path

_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_WHOLE_ANSWER_S = 30.0
_MAX_BODY_BYTES = 1024 * 1024
_PATH = re.compile(r"/redfish/v1/[!-~]{1,300}")
_COMMON = ("On", "ForceOff", "ForceRestart")
"""ResetTypes that a service which doesn't say is taken to have."""


class RedfishSession:
    """See ``power_driver.PowerSession``."""

    def __init__(self, control: PowerControl, secret: str, clock: Clock) -> None:
        self._control = control
        self._clock = clock
        self._origin = origin_of(control)
        self._client = httpx.Client(
            base_url=self._origin,
            verify=_trust(control),
            auth=(control.user.encode(), secret.encode()),
            timeout=_TIMEOUT,
            trust_env=False,  # no proxy, no netrc: the BMC and nobody else
            limits=httpx.Limits(max_keepalive_connections=0),  # one that went stale would leave open whether an order was heard
        )
        self._path = ""
        self._system: Mapping[str, Any] = {}
        self._etag = ""

    def look(self) -> Seen:
        if not self._path:
            self._path = self._find()
        self._system = self._get(self._path)
        return read_system(self._system)

    def boot_from(self, device: str, guard: Guard) -> Answer:
        headers = {"If-Match": self._etag} if self._etag else {}
        return self._order("PATCH", self._path, boot_body(device), guard, headers)

    def switch(self, order: Order, guard: Guard) -> Answer:
        action = _mapping(_mapping(self._system.get("Actions")).get("#ComputerSystem.Reset"))
        offered = action.get("ResetType@Redfish.AllowableValues") or _COMMON
        fitting = [name for name in RESET_TYPES[order] if name in offered]
        path = str(action.get("target") or reset_path(self._path))
        if not fitting or _PATH.fullmatch(path) is None:
            why = f"it offers none of {', '.join(RESET_TYPES[order])}" if not fitting else "it names no path of its own for it"
            return Answer(False, f"the BMC can't be told: {why}", request_line("POST", self._origin, path), sent=False)
        return self._order("POST", path, {"ResetType": fitting[0]}, guard, {})

    def close(self) -> None:
        self._client.close()

    def _find(self) -> str:
        """The path of the system: the named one, or the only one."""
        if self._control.system:
            return system_path(self._control)
        members = self._get(SYSTEMS).get("Members")
        paths = [str(_mapping(member).get("@odata.id")) for member in members] if isinstance(members, list) else []
        if len(paths) != 1 or _PATH.fullmatch(paths[0]) is None:
            raise self._cannot(f"it has {len(paths)} systems, so the inventory must name the one that is meant")
        return paths[0]

    def _get(self, path: str) -> Mapping[str, Any]:
        try:
            status, headers, body = self._send("GET", path, None, {}, lambda: None)
        except httpx.HTTPError as error:
            raise self._cannot(_said(error)) from error
        if status != httpx.codes.OK:
            raise self._cannot(_refusal(status, body))
        self._etag = headers.get("ETag", "")
        try:
            return _mapping(json.loads(body))
        except ValueError as error:
            raise self._cannot("its answer is no JSON") from error

    def _order(self, method: str, path: str, body: Mapping[str, object], guard: Guard, headers: Mapping[str, str]) -> Answer:
        line = request_line(method, self._origin, path, body)
        try:
            status, _, answer = self._send(method, path, body, headers, guard)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return Answer(False, f"the BMC was not told: {_said(error)}", line, sent=False)
        except httpx.HTTPError as error:
            return Answer(None, f"the BMC did not confirm it: {_said(error)}", line)
        if httpx.codes.is_success(status):
            return Answer(True, "the BMC accepted it", line)
        # An error of the service's own may have come after the order was taken.
        refused = httpx.codes.is_client_error(status)
        return Answer(False if refused else None, f"the BMC answered {_refusal(status, answer)}", line)

    def _send(
        self, method: str, path: str, body: Mapping[str, object] | None, headers: Mapping[str, str], guard: Guard
    ) -> tuple[int, httpx.Headers, bytes]:
        """One request; ``guard`` is called when the connection is open and nothing has been sent on it."""
        request = self._client.build_request(
            method,
            path,
            json=body,
            headers={"Accept-Encoding": "identity", "Connection": "close", **headers},
            extensions={"trace": _before_sending(guard)},
        )
        give_up_s = self._clock.boottime_s() + _WHOLE_ANSWER_S
        answer = self._client.send(request, stream=True)
        try:
            content = b""
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > _MAX_BODY_BYTES or self._clock.boottime_s() > give_up_s:
                    raise httpx.ReadError(f"no end of its answer within {_MAX_BODY_BYTES} bytes and {_WHOLE_ANSWER_S:g} s")
        finally:
            answer.close()
        return answer.status_code, answer.headers, content

    def _cannot(self, why: str) -> CannotReach:
        return CannotReach(f"the BMC at {self._control.address}: {why}")


def _before_sending(guard: Guard) -> Callable[[str, Mapping[str, object]], None]:
    def trace(event: str, _info: Mapping[str, object]) -> None:
        if event == "http11.send_request_headers.started":
            guard()

    return trace


def read_system(system: Mapping[str, Any]) -> Seen:
    """A ComputerSystem resource (DSP0268)."""
    words = [f"health {redfish_health(system) or 'not told'}"]
    if lamp := system.get("IndicatorLED"):
        words.append(f"lamp {lamp}")
    on = {"On": True, "Off": False}.get(str(system.get("PowerState")))
    return Seen(on, ", ".join(words)[:200], str(system.get("LastResetTime") or ""))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _trust(control: PowerControl) -> ssl.SSLContext:
    """The system's authorities, or the file's: an authority, or the BMC's own certificate."""
    try:
        context = ssl.create_default_context(cafile=control.ca_file)
    except OSError as error:
        raise CannotReach(f"the certificates in {control.ca_file} can't be read: {error.strerror or error}") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _refusal(status: int, body: bytes) -> str:
    if status == httpx.codes.UNAUTHORIZED:
        return "login refused: the user or the password is wrong"
    if status == httpx.codes.FORBIDDEN:
        return "login refused: this user may not do it"
    try:
        message = str(_mapping(_mapping(json.loads(body)).get("error")).get("message", ""))
    except ValueError:
        message = ""
    return f"status {status}" + (f": {' '.join(message.split())[:200]}" if message else "")


def _said(error: httpx.HTTPError) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
