"""Where things are in a Redfish service and what is asked there, as a dry run prints it and as it is sent (DSP0266)."""

import json
from collections.abc import Mapping

from domain.model import PowerControl
from remediation.power_driver import DISK, Order

SYSTEMS = "/redfish/v1/Systems"
PORT = 443
RESET_TYPES: Mapping[Order, tuple[str, ...]] = {
    Order.ON: ("On", "ForceOn"),
    Order.OFF: ("ForceOff",),
    Order.CYCLE: ("PowerCycle", "ForceRestart"),
    Order.RESET: ("ForceRestart", "PowerCycle"),
}
"""ResetTypes for each order, the best first; which of them a service has, it says."""
BOOTS = {"pxe": "Pxe", "cd": "Cd", "usb": "Usb", "hdd": "Hdd", "sdcard": "SDCard", "uefihttp": "UefiHttp"}


def boot_body(device: str) -> dict[str, object]:
    """Of the request that sets what is booted from now on."""
    if device == DISK:
        return {"Boot": {"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"}}
    return {"Boot": {"BootSourceOverrideEnabled": "Continuous", "BootSourceOverrideTarget": BOOTS[device]}}


def request_line(method: str, origin: str, path: str, body: Mapping[str, object] | None = None) -> str:
    """A request as people read it."""
    return f"{method} {origin}{path}" + (f" {json.dumps(body)}" if body is not None else "")


def origin_of(control: PowerControl) -> str:
    host = f"[{control.address}]" if ":" in control.address else control.address
    return f"https://{host}" + (f":{control.port}" if control.port not in (None, PORT) else "")


def system_path(control: PowerControl) -> str:
    return f"{SYSTEMS}/{control.system}" if control.system else f"{SYSTEMS}/<its only one>"


def reset_path(system: str) -> str:
    return f"{system}/Actions/ComputerSystem.Reset"
