"""The power switch of one machine, as a BMC or a hypervisor holds it: it obeys, writes everything down, and misbehaves on demand.

It lives in this process, beside the machine. `ipmi_sim` is a process of its own and asks by a script (`Chassis.script`), which
brings each word to a Unix socket here.
"""

import datetime
import socketserver
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, cast

from bed.machine import Machine
from bed.process import BedError

_SCRIPT = """#!{python} -I
import socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({path!r})
    asked.sendall(" ".join(sys.argv[2:]).encode() + b"\\n")
    answer = asked.makefile().read()
print(answer, end="")
sys.exit(1 if answer.startswith("error") else 0)
"""


@dataclass(frozen=True)
class Order:
    """One order that a chassis was given, obeyed or not. `what` is "on", "off", "reset", "shutdown" or "boot" (the device to boot
    from was set), `boot` what the machine boots from after it, "disk" or "rescue"; `at_s` by CLOCK_BOOTTIME."""

    what: str
    boot: str
    at_s: float


class Chassis:
    """The switch of `machine`; a context manager. `orders` are all that it was given, oldest first.

    Misbehaviour: `says` is the state it reports whatever is the case (`None`: the truth); `deaf`: it accepts orders and does
    nothing; `slow_s`: every question and order takes so much longer. `critical`: its health is (ipmi_sim knows no fault).
    """

    rescue_devices: ClassVar = frozenset({"pxe", "cdrom", "cd"})
    """Whoever boots one of these, boots the rescue system."""

    def __init__(self, machine: Machine, folder: Path) -> None:
        self.machine = machine
        self.orders: list[Order] = []
        self.says: bool | None = None
        self.deaf = False
        self.slow_s = 0.0
        self.critical = False
        self.last_reset = datetime.datetime.now(datetime.UTC)
        """When the machine last (re)started by this switch."""
        self._lock = threading.RLock()
        path = folder / f"{machine.name}.chassis"
        self.script = folder / f"{machine.name}.chassis-script"
        self.script.write_text(_SCRIPT.format(python=sys.executable, path=str(path)), encoding="utf-8")
        self.script.chmod(0o755)
        self._server = _Server(str(path), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="bed-chassis", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def given(self, *what: str) -> int:
        """How many of these orders it was given. A BMC's cycle is an "off", and, once it is off, an "on"."""
        return sum(order.what in what for order in self.orders)

    @property
    def on(self) -> bool:
        """What it says of the machine's power."""
        time.sleep(self.slow_s)
        return self.machine.running if self.says is None else self.says

    @property
    def boot(self) -> str:
        """What the machine boots from: "disk" or "rescue"."""
        return self.machine.next_boot

    def boot_from(self, device: str) -> None:
        """Boot from `device` from now on; whatever is no rescue device is the disk."""
        boot = "rescue" if device.lower() in self.rescue_devices else "disk"
        with self._lock:
            self._note("boot", boot)
            if not self.deaf:
                self.machine.next_boot = boot

    def switch(self, what: str) -> None:
        """Do one of "on", "off", "reset", "shutdown"; what makes no sense now is written down and left."""
        time.sleep(self.slow_s)
        with self._lock:
            self._note(what, self.machine.next_boot)
            if self.deaf:
                return
            running = self.machine.running
            match what:
                case "on" if not running:
                    self.machine.power_on()
                    self._started()
                case "off":
                    self.machine.power_off()
                case "reset" if running:
                    self.machine.reset()
                    self._started()
                case "shutdown":
                    self.machine.press_button()

    def _value(self, name: str) -> str:
        if name == "power":
            return str(int(self.on))
        return "pxe" if self.boot == "rescue" else "default"

    def _note(self, what: str, boot: str) -> None:
        self.orders.append(Order(what, boot, time.clock_gettime(time.CLOCK_BOOTTIME)))

    def _started(self) -> None:
        self.last_reset = datetime.datetime.now(datetime.UTC)

    def answer(self, words: list[str]) -> str:
        """What `ipmi_sim` is told: it asks `get power boot`, and orders `set power 0|1`, `set reset 1`, `set shutdown 1`,
        `set boot DEVICE`."""
        match words:
            case ["get", *names]:
                return "".join(f"{name}:{self._value(name)}\n" for name in names)
            case ["set", "power", "1"]:
                self.switch("on")
            case ["set", "power", _]:
                self.switch("off")
            case ["set", "reset" | "shutdown" as what, _]:
                self.switch(what)
            case ["set", "boot", device]:
                self.boot_from(device)
            case ["check", *_]:
                return ""
            case _:
                raise BedError(f"a chassis knows nothing of {words}")
        return ""


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, chassis: Chassis) -> None:
        self.chassis = chassis
        Path(path).unlink(missing_ok=True)
        super().__init__(path, _Handler)
        Path(path).chmod(0o600)


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        words = self.rfile.readline().decode().split()
        try:
            answer = cast("_Server", self.server).chassis.answer(words)
        except (BedError, OSError) as error:
            answer = f"error: {error}\n"
        self.wfile.write(answer.encode())
