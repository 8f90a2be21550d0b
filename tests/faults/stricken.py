"""db01, whose BMC switches it, in a whole hikeshi: it hangs, and a runbook that may switch its power brings it back."""

import json
import re
from collections import Counter
from importlib import resources
from pathlib import Path

from fixtures_bed import ClientKey
from sqlmodel import select
from world import World

from bed.chassis import Chassis, Order
from bed.disk_guest import DATA_DEVICE, DiskGuest
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.redfish import Redfish
from domain.events import RunbookApproved
from store import inbox, policies
from store.tables import Attempt, VerdictRow

RUNBOOK = "reboot-and-fsck"
POWER_STEPS = ("reboot", "rescue", "disk")
_CHECKS = ("reset", "off", "shutdown")
_LOG = "/var/log/e2fsck-runs"


class CountedGuest(DiskGuest):
    """Its rescue system writes down each time `e2fsck` is begun there, and lets it take `fsck_takes_s` longer."""

    fsck_takes_s = 0.0

    def _make_rescue(self) -> None:
        super()._make_rescue()
        wrapper = self._rescue_root / "usr/local/sbin/e2fsck"  # first in the path of units
        text = f'#!/bin/sh\necho "$@" >>{_LOG}\nsleep {self.fsck_takes_s}\nexec /sbin/e2fsck "$@"\n'
        wrapper.write_text(text, encoding="ascii")
        wrapper.chmod(0o755)

    @property
    def checked(self) -> list[str]:
        """What `e2fsck` was begun with in the rescue system that was booted last."""
        log = self._folder / "rescue/upper" / _LOG.lstrip("/")
        return log.read_text(encoding="ascii").splitlines() if log.exists() else []


def brisk(runbook: str, *within_s: int) -> str:
    """The shipped runbook with the times of a host that is up within two seconds; how long each look waits for a recovery."""
    text, looks = (resources.files("runbooks") / f"{runbook}.yaml").read_text(encoding="utf-8"), iter(within_s)
    text = re.sub(r"within_s: \d+", lambda _: f"within_s: {next(looks)}", text)
    for shipped, here in (("every_s: 5", "every_s: 1"), ("reach_s: 420", "reach_s: 20"), ("timeout_s: 900", "timeout_s: 20")):
        text = text.replace(shipped, here)
    return text.replace("timeout_s: 120", "timeout_s: 8")


def approve(world: World, runbook: str) -> None:
    """Somebody answers for the runbook as it stands in the inventory that the engine has accepted."""
    with world.context.store.write() as session:
        policy = policies.current(session)
        assert policy is not None
        version, now_s = policy.procedures[runbook].version, world.clock.now_s()
        inbox.insert(
            session, RunbookApproved(id=f"approved {version}", at_s=now_s, runbook=runbook, version=version, by="first", reason="-")
        )


class Stricken(World):
    """``orders``: what the BMC was told to do to the power."""

    guest: CountedGuest

    def __init__(self, bed: Bed, guest: CountedGuest, bmc: Ipmi | Redfish, key: ClientKey, folder: Path) -> None:
        self._bmc = bmc
        self._key = key
        self._password = folder / "bmc-password"
        self._password.write_text(bmc.password, encoding="utf-8")
        self._password.chmod(0o600)
        super().__init__(bed, guest, key.path, folder, lease_s=4.0)

    @property
    def chassis(self) -> Chassis:
        return self._bmc.chassis

    @property
    def powered_by(self) -> str:
        return "redfish" if isinstance(self._bmc, Redfish) else "ipmi"

    def write_inventory(self, automation: str = "on") -> None:
        (self.inventory / "runbooks").mkdir()
        text = brisk(RUNBOOK, 2, 20)  # damaged, it is not back after the reboot; after the check it is
        (self.inventory / "runbooks" / f"{RUNBOOK}.yaml").write_text(text, encoding="utf-8")
        (self.inventory / "all.yaml").write_text(json.dumps(self._tree() | {"automation": automation}), encoding="utf-8")

    def _tree(self) -> dict[str, object]:
        identity = {"file": str(self._key.path)}
        power = {"driver": self.powered_by, "address": self._bmc.address, "port": self._bmc.port, "user": self._bmc.user}
        if isinstance(self._bmc, Redfish):
            power |= {"ca_file": str(self.guest.ca_file)}
        return {
            "brand": {"name": "Example Hosting", "sender": "monitoring@hosting.example"},
            "limits": {"cool_down": "1h"},
            "customers": {
                "shop": {
                    "name": "Example Shop",
                    "contacts": {"office": {"name": "Office", "mail": "office@shop.example", "language": "en"}},
                    "contract": {"recovers": ["server", "service"], "wait": "0s"},
                }
            },
            "operators": {"first": {"name": "First", "mail": "first@hosting.example", "language": "en"}},
            "on_call": {"order": ["first"], "escalate_after": "10m"},
            "profiles": {"quick": {"interval": "1s", "confirmation": {"failures": 2, "retry": "1s"}}},
            "hosts": {
                "db01": {
                    "label": "db01",
                    "customer": "shop",
                    "address": self.guest.address,
                    "profile": "quick",
                    # What the rescue system answers too says nothing of the host, and when it is seen is chance.
                    "checks": {"http": {"url": f"http://{self.guest.address}:{self.guest.database_port}/", "timeout": "1s"}},
                    "ssh": {"user": self.guest.user, "host_keys": [self.guest.host_key], "identity": identity},
                    "power": {**power, "password": {"file": str(self._password)}},
                    "rescue": {
                        "boot": "pxe" if isinstance(self._bmc, Ipmi) else "cd",
                        "ssh": {
                            "user": self.guest.rescue_user,
                            "host_keys": [self.guest.rescue_host_key],
                            "identity": identity,
                        },
                    },
                    "filesystems": [{"device": DATA_DEVICE, "type": "ext4"}],
                    "procedures": {"service": RUNBOOK},
                }
            },
        }

    def all_up(self) -> bool:
        with self.context.store.read() as session:
            return [row.verdict for row in session.exec(select(VerdictRow))] == ["up"]

    @property
    def orders(self) -> list[Order]:
        """A cycle is an "off" followed by an "on": one action."""
        return [order for order in self.chassis.orders if order.what in _CHECKS]

    def attempts(self) -> Counter[str]:
        """How often each step was admitted."""
        with self.context.store.read() as session:
            rows = session.exec(select(Attempt).where(Attempt.code == "admitted"))
            return Counter(row.step for row in rows if row.action not in ("look", "announce"))

    def outcomes(self) -> dict[str, str | None]:
        with self.context.store.read() as session:
            return {row.step: row.outcome for row in session.exec(select(Attempt))}

    def told(self) -> str:
        with self.context.store.read() as session:
            rows = [
                f"{row.intent_s:.1f}-{row.ended_s} {row.step} {row.outcome} {row.code} {row.detail}"
                for row in session.exec(select(Attempt))
            ]
        orders = [f"{order.what} {order.boot}" for order in self.chassis.orders]
        return "\n".join([super().told(), *rows, str(orders), f"booted {self.guest.booted!r}"])
