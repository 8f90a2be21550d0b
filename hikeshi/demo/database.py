"""The second host, db01: a database on disks of its own, which break; a BMC, which switches it; and a rescue system."""

import importlib.resources
import secrets
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import runbooks
from bed.chassis import Chassis
from bed.disk_guest import ACCOUNTS, DATA_DEVICE, ROOT_DEVICE, DiskGuest
from bed.host import make_key
from bed.ipmi import Ipmi
from bed.network import Bed
from domain.procedure import Effect
from remediation import ACTIONS

BASE = "reboot-and-fsck"
RUNBOOK = f"{BASE}-brisk"
PATIENCE = ("within_s: 420", "within_s: 12")
ARCHIVE = "/srv/data/archive"
HOST = """hosts:
  db01:
    label: db01
    customer: shop
    address: {address}
    fqdn: db01.shop.example
    groups: [linux]
    checks:
      ping: # confirmed before the others, so that the same mails are sent each time
        interval: 1s
        timeout: 1s
        confirmation:
          failures: 4
          retry: 1s
      ssh:
        timeout: 1s
        confirmation:
          failures: 6 # what is off for a moment because it is just being booted is no new fault
          retry: 2s
      database:
        kind: url
        url: http://{address}:{port}/
        contains: database ok
        timeout: 1s
        service: database
        confirmation:
          failures: 6
          retry: 2s
    ssh:
      host_keys:
        - {host_key}
      identity:
        file: {identity}
    power:
      driver: ipmi
      address: {bmc_address}
      port: {bmc_port}
      user: {bmc_user}
      password:
        file: {bmc_password}
    rescue:
      boot: pxe
      ssh:
        user: {rescue_user}
        host_keys:
          - {rescue_host_key}
        identity:
          file: {rescue_identity}
    filesystems:
      - device: {root_device}
        type: ext4
      - device: {data_device}
        type: ext4
    procedures:
      server: {runbook}
      service: restart-service
"""


class Database:
    """A context manager: on, and answering. ``chassis`` has counted what the BMC was told."""

    name = "db01"
    FOLDER = "/archive"
    """Of the records, as the file system with the data names it."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self._bed = bed
        self._folder = folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.guest = DiskGuest(self._bed, self.name)
            self._identity, self._rescue_identity = (self._folder / name for name in ("db01-identity", "db01-rescue-identity"))
            self.guest.authorize(make_key(self._identity))
            self.guest.authorize_rescue(make_key(self._rescue_identity))
            stack.enter_context(self.guest)
            self.chassis = stack.enter_context(Chassis(self.guest, self._bed.folder))
            self._password = self._folder / "db01-bmc-password"
            self._password.touch(0o600)
            self._password.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
            self._bmc = stack.enter_context(
                Ipmi(self.chassis, self._bed.folder, self._bed, self._password.read_text(encoding="ascii").strip())
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def write_inventory(self, folder: Path) -> None:
        """What the inventory says of it, and the runbook for it."""
        text = HOST.format(
            address=self.guest.address,
            port=self.guest.database_port,
            host_key=self.guest.host_key,
            identity=self._identity,
            bmc_address=self._bmc.address,
            bmc_port=self._bmc.port,
            bmc_user=self._bmc.user,
            bmc_password=self._password,
            rescue_user=self.guest.rescue_user,
            rescue_host_key=self.guest.rescue_host_key,
            rescue_identity=self._rescue_identity,
            root_device=ROOT_DEVICE,
            data_device=DATA_DEVICE,
            runbook=RUNBOOK,
        )
        (folder / "db01.yaml").write_text(text, encoding="utf-8")
        self._runbook = folder / "runbooks" / f"{RUNBOOK}.yaml"
        self._runbook.parent.mkdir(exist_ok=True)
        self._runbook.write_bytes(brisk())

    def hang(self) -> None:
        """It hangs, and its data are damaged: what a running kernel holds in memory hides that until it is off."""
        self.guest.hang()
        self.guest.damage_data()

    def power_steps(self) -> list[str]:
        """The steps of its runbook that switch the power."""
        procedure = runbooks.read(ACTIONS, [self._runbook])[RUNBOOK]
        return [step.id for step in procedure.steps if step.effect is Effect.POWER]

    def orders(self) -> Counter[str]:
        """What its BMC was told to do with the power, counted."""
        return Counter(order.what for order in self.chassis.orders if order.what != "boot")

    def records(self) -> frozenset[str]:
        """The files in which the database keeps its records, as the host itself sees them."""
        return frozenset(self.guest.run(["ls", ARCHIVE]).stdout.split())

    def accounts(self) -> str:
        """What must survive."""
        return self.guest.run(["cat", ACCOUNTS]).stdout


def brisk() -> bytes:
    """The shipped runbook ``BASE``; only, a reboot has that much less time to bring recovery."""
    text = importlib.resources.files("runbooks").joinpath(f"{BASE}.yaml").read_text(encoding="utf-8")
    return text.replace(*PATIENCE, 1).encode()
