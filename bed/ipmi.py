"""A real BMC that speaks IPMI 2.0 over the network: Debian's `ipmi_sim`, which switches a machine of the bed."""

import contextlib
import os
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from bed.chassis import Chassis
from bed.network import Bed
from bed.process import BedError, wait_for

USER = "hikeshi"
_LAN = """name "{name}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    guid a123456789abcdefa123456789abcdef
  endlan
  chassis_control "{script} 0x20"
  user 2 true "{user}" "{password}" operator 10
"""
_MANAGER = """mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""
_PING = bytes.fromhex("0600ff06000011be80000000")
"""An ASF presence ping (ASF 2.0, 3.2.4.2), which a BMC answers without a login."""


class Ipmi:
    """The BMC of a chassis's machine; a context manager. It answers at `address`, `port` (UDP): inside `bed`'s network, or, without
    a bed, on 127.0.0.1. `user` (an operator) has `password`.

    Misbehaviour beside that of its chassis: `stop` and `start`; `stall` (it is there, and answers nothing) and `go_on`.
    """

    user = USER

    def __init__(self, chassis: Chassis, folder: Path, bed: Bed | None = None, password: str = "bed-bmc-secret") -> None:
        self.chassis = chassis
        self.password = password
        self.bed = bed
        self.address = bed.address if bed is not None else "127.0.0.1"
        self._folder = folder / f"{chassis.machine.name}.ipmi"
        (self._folder / "state").mkdir(parents=True)
        with self._inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((self.address, 0))
            self.port: int = taken.getsockname()[1]
        settings = {"name": chassis.machine.name, "address": self.address, "port": self.port, "script": chassis.script}
        (self._folder / "lan.conf").write_text(_LAN.format(user=self.user, password=password, **settings), encoding="utf-8")
        (self._folder / "manager").write_text(_MANAGER, encoding="ascii")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Answer from now on."""
        argv = ["ipmi_sim", "-n", "-c", str(self._folder / "lan.conf"), "-f", str(self._folder / "manager")]
        argv += ["-s", str(self._folder / "state")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.bed.command(argv) if self.bed is not None else argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_for(self._answers, f"the BMC of {self.chassis.machine.name}", 10)
        except BedError as error:
            self.stop()
            raise BedError(f"{error}: {(self._folder / 'log').read_text(errors='replace')}") from None

    def stop(self) -> None:
        """Answer no more. Repeatable."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stall(self) -> None:
        """Be there and answer nothing, until `go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Answer again, what was asked meanwhile first."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise BedError(f"the BMC of {self.chassis.machine.name} is stopped")
        os.kill(self._process.pid, number)

    def _inside(self) -> contextlib.AbstractContextManager[None]:
        return self.bed.inside() if self.bed is not None else contextlib.nullcontext()

    def _answers(self) -> bool:
        with self._inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.2)
            try:
                client.sendto(_PING, (self.address, self.port))
                return bool(client.recv(100))
            except OSError:
                return False
