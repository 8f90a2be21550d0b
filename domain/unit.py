"""Names of systemd services that may be restarted: checked when an inventory or a runbook is read, and again before use."""

import re

_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*(@[A-Za-z0-9_.:-]*)?", re.ASCII)
_MAX_CHARS = 255  # systemd.unit(5)
_POWER = frozenset(
    {
        *("emergency", "rescue", "systemd-reboot", "systemd-poweroff", "systemd-halt", "systemd-kexec", "systemd-soft-reboot"),
        *("systemd-suspend", "systemd-hibernate", "systemd-hybrid-sleep", "systemd-suspend-then-hibernate"),
    }
)


class TakesMachineDown(ValueError):  # noqa: N818 - says what such a service does
    """To start the service is to take the machine down; the text says what would be right."""


def service_unit(name: object) -> str:
    """``nginx`` or ``nginx.service`` as the full name ``nginx.service``. ValueError, saying what would be right, for anything
    that is no service, could be read as an option or by a shell, or takes the machine down (``TakesMachineDown``)."""
    if not isinstance(name, str) or len(name) > _MAX_CHARS:
        raise ValueError("the name of a systemd service, such as nginx.service")
    stem = name.removesuffix(".service")
    if _UNIT.fullmatch(stem) is None or stem.endswith("@"):
        raise ValueError("the name of a systemd service, such as nginx.service: letters, digits, and _ . : - @ after the first")
    if stem.endswith((".socket", ".target", ".timer", ".mount", ".automount", ".path", ".slice", ".scope", ".device", ".swap")):
        raise ValueError("a systemd service, not another kind of unit: such as nginx.service")
    if stem in _POWER:
        raise TakesMachineDown("a service that doesn't take the machine down")
    return f"{stem}.service"
