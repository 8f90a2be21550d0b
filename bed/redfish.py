"""A real Redfish service: sushy-tools' emulator over TLS, whose system is a machine of the bed. A development dependency."""

import contextlib
import importlib.util
import json
import logging
import socket
import ssl
import threading
import uuid
import warnings
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import bcrypt
import werkzeug.serving

# It brings no types.
from sushy_tools import error as sushy_error  # type: ignore[import-untyped]
from sushy_tools.emulator.resources.systems.fakedriver import FakeDriver  # type: ignore[import-untyped]

from bed.chassis import Chassis
from bed.network import Bed
from bed.process import free_port
from bed.tls import Authority

_ORDERS = {
    "On": ("on",),
    "ForceOn": ("on",),
    "ForceOff": ("off",),
    "GracefulShutdown": ("shutdown",),
    "ForceRestart": ("reset",),
    "PowerCycle": ("off", "on"),
}
_SYSTEM_PATH = "/redfish/v1/Systems/"


class Redfish:
    """The BMC of a chassis's machine; a context manager. It answers at `https://address:port`: inside `bed`'s network, or, without
    a bed, on 127.0.0.1; its certificate is of `authority`. `user` has `password`; `system` is the machine's id there.

    `requests` are (method, path, body) of all that was asked, oldest first. `traced`: it says when its system was last reset.
    `resets`: the kinds of reset it offers. Misbehaviour beside that of its chassis: `stop`; `broken` (a status code that it
    answers every order with, having obeyed it).
    """

    user = "hikeshi"

    def __init__(
        self, chassis: Chassis, folder: Path, authority: Authority, bed: Bed | None = None, password: str = "bed-bmc-secret"
    ) -> None:
        self.chassis = chassis
        self.password = password
        self.system = str(uuid.uuid4())
        self.requests: list[tuple[str, str, Any]] = []
        self.traced = True
        self.resets = ["On", "ForceOff", "ForceRestart"]
        self.broken: int | None = None
        self.address = bed.address if bed is not None else "127.0.0.1"
        folder = folder / f"{chassis.machine.name}.redfish"
        folder.mkdir()
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for name, text in zip(("crt", "key"), authority.issue(chassis.machine.name, [self.address]), strict=True):
            (folder / name).write_bytes(text)
        tls.load_cert_chain(folder / "crt", folder / "key")
        with bed.inside() if bed is not None else contextlib.nullcontext():
            self._server = werkzeug.serving.make_server(
                self.address, _port(self.address), self._application(folder), threaded=True, ssl_context=tls, request_handler=_Quiet
            )
        self.port: int = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="bed-redfish", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """Answer no more. Repeatable."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _application(self, folder: Path) -> Any:
        accounts = folder / "accounts"
        digest = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode()
        accounts.write_text(f"{self.user}:{digest}\n", encoding="ascii")
        emulator = _emulator()
        app = emulator.app
        app.logger.setLevel(logging.CRITICAL)
        system = {"uuid": self.system, "name": self.chassis.machine.name, "power_state": "On", "nics": []}
        settings = {
            "SUSHY_EMULATOR_AUTH_FILE": str(accounts),
            "SUSHY_EMULATOR_STATE_DIR": str(folder),
            "SUSHY_EMULATOR_FAKE_SYSTEMS": [system],
        }
        app.configure(extra_config=settings)
        emulator.Application.systems = _Systems.of(self.chassis, app)
        app.before_request(lambda: self._asked(emulator.flask.request))
        app.after_request(self._answered)
        return app

    def _asked(self, request: Any) -> None:
        self.requests.append((request.method, request.path, request.get_json(silent=True)))

    def _answered(self, answer: Any) -> Any:
        """What the emulator leaves out, or can't do wrong."""
        method, path, _ = self.requests[-1]
        if method == "POST" and self.broken is not None:
            answer.status_code = self.broken
        if method == "GET" and path.startswith(_SYSTEM_PATH) and answer.status_code == 200:
            body = json.loads(answer.get_data())
            if self.traced:
                body["LastResetTime"] = self.chassis.last_reset.isoformat()
            body["Status"]["Health"] = "Critical" if self.chassis.critical else "OK"
            body["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"] = self.resets
            answer.set_data(json.dumps(body))
        return answer


def _port(address: str) -> int:
    if address == "127.0.0.1":
        return free_port()
    with socket.create_server((address, 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _emulator() -> ModuleType:
    """The emulator's module, made anew: its application is global to it, and there may be several services."""
    spec = importlib.util.find_spec("sushy_tools.emulator.main")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("sushy_tools.emulator.main")
    module = importlib.util.module_from_spec(spec)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # WebOb, which it uses, imports the old cgi module
        spec.loader.exec_module(module)
    return module


class _Systems(FakeDriver):  # type: ignore[misc] # untyped base
    """The emulator's fake system, really switched."""

    _chassis: Chassis

    @classmethod
    def of(cls, chassis: Chassis, app: Any) -> Self:
        made: Self = cls.initialize(app.config, app.logger)()
        made._chassis = chassis
        return made

    def get_power_state(self, identity: str) -> str:
        self._get(identity)
        return "On" if self._chassis.on else "Off"

    def set_power_state(self, identity: str, state: str) -> None:
        self._get(identity)
        if state not in _ORDERS:
            raise sushy_error.NotSupportedError(f"Power state {state} is not supported")
        for order in _ORDERS[state]:
            self._chassis.switch(order)

    def get_boot_device(self, identity: str) -> str:
        self._get(identity)
        return "Pxe" if self._chassis.boot == "rescue" else "Hdd"

    def set_boot_device(self, identity: str, boot_source: str) -> None:
        self._get(identity)
        self._chassis.boot_from(boot_source)


class _Quiet(werkzeug.serving.WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Nobody reads it."""
