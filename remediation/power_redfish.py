"""A Redfish driver: where things are there and what is asked; ``redfish_session`` speaks to the service (DSP0266)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import PowerControl
from remediation.action import Connect, Target
from remediation.power_driver import DISK, Order, PowerSession
from remediation.power_ipmi import password

SYSTEMS = "/redfish/v1/Systems"
_PORT = 443
RESET_TYPES: Mapping[Order, tuple[str, ...]] = {
    Order.ON: ("On", "ForceOn"),
    Order.OFF: ("ForceOff",),
    Order.CYCLE: ("PowerCycle", "ForceRestart"),
    Order.RESET: ("ForceRestart", "PowerCycle"),
}
"""ResetTypes for each order, the best first; which of them a service has, it says."""
_BOOTS = {"pxe": "Pxe", "cd": "Cd", "usb": "Usb", "hdd": "Hdd", "sdcard": "SDCard", "uefihttp": "UefiHttp"}


def boot_body(device: str) -> dict[str, object]:
    """Of the request that sets what is booted from now on."""
    if device == DISK:
        return {"Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}}
    return {"Boot": {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": _BOOTS[device]}}


def request_line(method: str, origin: str, path: str, body: Mapping[str, object] | None = None) -> str:
    """A request as people read it."""
    return f"{method} {origin}{path}" + (f" {json.dumps(body)}" if body is not None else "")


def origin_of(control: PowerControl) -> str:
    host = f"[{control.address}]" if ":" in control.address else control.address
    return f"https://{host}" + (f":{control.port}" if control.port not in (None, _PORT) else "")


def system_path(control: PowerControl) -> str:
    return f"{SYSTEMS}/{control.system}" if control.system else f"{SYSTEMS}/<its only one>"


def reset_path(system: str) -> str:
    return f"{system}/Actions/ComputerSystem.Reset"


@dataclass(frozen=True, slots=True)
class Redfish:
    """``system`` may be left out where the service has one only. What a dry run prints has the best type of each reset; where the
    service hasn't that one, a real run takes the next."""

    name: str = "redfish"
    keys: Mapping[str, bool] = field(
        default_factory=lambda: MappingProxyType({"port": False, "user": True, "password": True, "system": False, "ca_file": False})
    )
    boots: frozenset[str] = frozenset(_BOOTS)
    port: int = _PORT
    numbers: bool = True
    orders: frozenset[Order] = frozenset(Order)
    traces: frozenset[Order] = frozenset({Order.ON, Order.CYCLE, Order.RESET})

    def looks(self, control: PowerControl) -> tuple[str, ...]:
        origin = origin_of(control)
        look = request_line("GET", origin, system_path(control))
        return (look,) if control.system else (request_line("GET", origin, SYSTEMS), look)

    def describe(self, control: PowerControl, order: Order, device: str | None) -> tuple[str, ...]:
        origin, system = origin_of(control), system_path(control)
        lines = list(self.looks(control))
        if device is not None:
            lines.append(request_line("PATCH", origin, system, boot_body(device)))
        lines.append(request_line("POST", origin, reset_path(system), {"ResetType": RESET_TYPES[order][0]}))
        return (*lines, self.looks(control)[-1])

    # The BMC is reached from here, not by a login.
    def open(self, target: Target, control: PowerControl, connect: Connect) -> PowerSession:  # noqa: ARG002
        from remediation.redfish_session import RedfishSession  # noqa: PLC0415 - httpx, for whoever speaks to one only

        return RedfishSession(control, password(target, control), target.clock)


REDFISH = Redfish()
