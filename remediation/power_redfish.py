"""A Redfish driver; ``redfish_session`` speaks to the service (DSP0266)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import PowerControl
from remediation.action import Connect, Target
from remediation.power_driver import Order, PowerSession
from remediation.power_ipmi import password
from remediation.redfish_words import BOOTS, PORT, RESET_TYPES, SYSTEMS, boot_body, origin_of, request_line, reset_path, system_path


@dataclass(frozen=True, slots=True)
class Redfish:
    """``system`` may be left out where the service has one only. What a dry run prints has the best type of each reset; where the
    service hasn't that one, a real run takes the next."""

    name: str = "redfish"
    keys: Mapping[str, bool] = field(
        default_factory=lambda: MappingProxyType({"port": False, "user": True, "password": True, "system": False, "ca_file": False})
    )
    boots: frozenset[str] = frozenset(BOOTS)
    port: int = PORT
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
