"""What a BMC says of its machine's health, by IPMI and by Redfish; who acts on a machine reads the same words."""

from collections.abc import Mapping
from typing import Any

_IPMI_FAULTS: Mapping[str, tuple[str, str]] = {
    "Power Overload": ("true", "power overload"),
    "Power Interlock": ("active", "power interlock"),
    "Main Power Fault": ("true", "main power fault"),
    "Power Control Fault": ("true", "power control fault"),
    "Drive Fault": ("true", "drive fault"),
    "Cooling/Fan Fault": ("true", "cooling or fan fault"),
}
"""Lines of ``chassis status`` (IPMI 2.0, table 28-3): the value that is a fault, and its words."""
_IPMI_REASONS: Mapping[str, str] = {
    "RAKP 2 HMAC is invalid": "login refused: the password is wrong",
    "unauthorized name": "login refused: no such user, or it may not log in so",
    "Unable to establish": "no answer",
}
"""What ipmitool says of a login that failed, the particular first."""


def ipmi_lines(text: str) -> Mapping[str, str]:
    """The output of ``chassis status``, by name."""
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def ipmi_faults(said: Mapping[str, str]) -> list[str]:
    return [words for name, (fault, words) in _IPMI_FAULTS.items() if said.get(name) == fault]


def ipmi_reason(stderr: str) -> str | None:
    """Why ipmitool could not log in, where that is known."""
    return next((words for said, words in _IPMI_REASONS.items() if said in stderr), None)


def redfish_health(system: Mapping[str, Any]) -> str | None:
    """``OK``, ``Warning`` or ``Critical`` of a ComputerSystem and what is in it (DSP0268); ``None`` where it is not told."""
    status = system.get("Status")
    found = status.get("HealthRollup") or status.get("Health") if isinstance(status, Mapping) else None
    return str(found) if found else None
