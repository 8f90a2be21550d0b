"""What switches a machine of the bed on and off from outside, whatever it is made of: a BMC or a hypervisor asks for no more."""

from typing import Protocol


class Machine(Protocol):
    """A machine with a power cord, a reset line and a front button."""

    name: str
    next_boot: str
    """What it boots from the next time it starts, and ever after until set again: "disk" or "rescue"."""

    @property
    def running(self) -> bool:
        """Whether it is powered on."""

    def power_on(self) -> None:
        """Start it; returns at once. BedError when it is on already."""

    def power_off(self) -> None:
        """Pull the plug: nothing is shut down. Returns when it is off; nothing happens when it is already."""

    def reset(self) -> None:
        """Start it anew at once, without shutting anything down. Nothing happens when it is off."""

    def press_button(self) -> None:
        """Ask it to shut down in good order and power itself off; returns at once. One that hangs doesn't hear it, nor one that is
        off."""
