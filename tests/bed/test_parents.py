"""A switch is taken away, and all that hangs on it with it (C53): one incident, and nobody is told of each host."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from local import Local, inventory

from bed.network import Bed
from domain.observation import Verdict
from engine import families
from store import policies

BEHIND = {f"srv{number:02}": f"10.78.0.{number}" for number in range(1, 21)}
"""The addresses of the hosts that are reached through the switch, and through nothing else."""
PATIENCE_S = 120.0
"""Nobody is told before the switch was looked at, and twenty looks a second share the machine with all other tests."""


class Switched(Local):
    """Twenty hosts behind one switch with one cable, and one beside it; all answer ping."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.switch, self.beside = bed.plug("switch"), bed.plug("beside")
        for port in (self.switch, self.beside):
            bed.set_cable(port, True)
        for address in BEHIND.values():
            self._ip(f"addr add {address}/32 dev lo")
        subprocess.run(bed.command(["ip", "route", "add", "10.78.0.0/24", "via", self.switch.address]), check=True)
        hosts = {name: self._host(name, address) | {"parent": "switch"} for name, address in BEHIND.items()}
        tree = inventory({})
        tree["hosts"] = hosts | {
            "switch": self._host("switch", self.switch.address),
            "beside": self._host("beside", self.beside.address),
        }
        super().__init__(folder, tree, bed)

    def _host(self, name: str, address: str) -> dict[str, object]:
        ping = {"ping": {"timeout": "1s"}}
        return {"label": name, "customer": "shop", "address": address, "profile": "quick", "checks": ping}

    def _ip(self, command: str) -> None:
        subprocess.run(["nsenter", f"--net={self.switch.netns}", "--", "ip", *command.split()], check=True)

    def plug(self, *, up: bool) -> None:
        """The switch's cable."""
        self.bed.set_cable(self.switch, up)

    def takes_away(self, name: str) -> None:
        self._ip(f"addr del {BEHIND[name]}/32 dev lo")

    def behind(self) -> list[str]:
        with self.context.store.read() as session:
            policy = policies.current(session)
            return families.behind(session, policy).get("switch", []) if policy is not None else []

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails("office")]


@pytest.fixture
def switched(tmp_path: Path) -> Iterator[Switched]:
    with Bed() as bed, Switched(bed, tmp_path) as made:
        assert isinstance(made, Switched)
        made.running("engine", "hands", "watcher")
        yield made


@pytest.mark.root
def test_a_switch_that_is_taken_away_is_one_incident(switched: Switched) -> None:
    """All behind it is recorded as unreachable; what is not back when it is, is a fault of its own, as is what fails while it is
    up. Twenty hosts with a known cause are no mass outage."""
    switched.takes_away("srv03")
    switched.until("the mail of the one that fails by itself", switched.subjects, PATIENCE_S)
    assert switched.codes()["parent_asked"] == 1, "told when the switch was seen to be up"
    switched.plug(up=False)
    switched.until("all others to be put down to it", lambda: len(switched.behind()) == len(BEHIND) - 1, PATIENCE_S)
    assert [(row.host, row.level) for row in switched.incidents()] == [("srv03", 5), ("switch", 5)]
    assert switched.verdicts() == dict.fromkeys([*BEHIND, "switch"], Verdict.DOWN) | {"beside": Verdict.UP}
    assert re.search(r"^switch +19 +srv01, srv02, srv04, ", switched.command("status").stdout, re.M)
    switched.takes_away("srv07")
    switched.plug(up=True)
    switched.until("the one that stays away to be told", lambda: len(switched.incidents()) == 3, PATIENCE_S)
    switched.until("all mails", lambda: len(switched.subjects()) == 4, PATIENCE_S)
    assert [row.host for row in switched.incidents() if row.told] == ["srv03", "switch", "srv07"]
    assert switched.behind() == []
    assert switched.commands("Run") == []
    assert (switched.codes()["fault_told"], switched.codes()["mass_outage"]) == (3, 0)
