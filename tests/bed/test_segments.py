"""Watchers in networks of their own (C51), cut off from what they watch (C52): nobody is fooled."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local import Local, body, inventory
from world import TESTS

from bed.network import Bed
from domain.observation import Verdict


class Segments(Local):
    """One watcher a segment, each in a namespace of its own with one cable; hosts there answer ping. The anchors of ``office`` are
    three places beyond its cable."""

    def __init__(self, bed: Bed, folder: Path) -> None:
        self.ports = {name: bed.plug(name) for name in ("office", "dmz", "web01", "web02", "db01", "far", "near")}
        for port in self.ports.values():
            bed.set_cable(port, True)
        far, near = (self.ports[name].address for name in ("far", "near"))
        tree = inventory({})
        tree["segments"] = {
            "office": {"watcher": "office", "anchors": [bed.address, far, near]},
            "dmz": {"watcher": "dmz", "anchors": [bed.address, far, near]},
        }
        tree["hosts"] = {name: self._host(name) for name in ("web01", "web02")} | {"db01": self._host("db01", "dmz")}
        super().__init__(folder, tree, bed)

    def _host(self, name: str, segment: str = "office") -> dict[str, object]:
        return {
            "label": name,
            "customer": "shop",
            "address": self.ports[name].address,
            "segment": segment,
            "profile": "quick",
            "checks": {"ping": {"timeout": "1s"}},
        }

    def watch_from(self, name: str) -> None:
        """Start that watcher in its own network."""
        with (self.settings.home / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                ["nsenter", f"--net={self.ports[name].netns}", "--", sys.executable, "-m", "hikeshi", "watcher", name],
                env=self.environment,
                cwd=TESTS.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def plug(self, name: str, *, up: bool) -> None:
        """That one's cable."""
        self.bed.set_cable(self.ports[name], up)


@pytest.fixture
def segments(tmp_path: Path) -> Iterator[Segments]:
    with Bed() as bed, Segments(bed, tmp_path) as made:
        assert isinstance(made, Segments)
        made.start("engine", "hands")
        made.until("the inventory", made.version)
        for watcher in ("office", "dmz"):
            made.watch_from(watcher)
        made.until("all checks up", made.all_up)
        yield made


@pytest.mark.root
def test_a_cut_uplink_is_one_notice_and_nobody_s_outage(segments: Segments) -> None:
    """Customers hear nothing, nothing is done, the record says unknown, and the segment beside it is watched as ever."""
    segments.plug("office", up=False)
    segments.until("the notice", lambda: segments.mails("first"))
    assert segments.verdicts() == {"web01": Verdict.UNKNOWN, "web02": Verdict.UNKNOWN, "db01": Verdict.UP}
    segments.plug("db01", up=False)
    segments.until("a real fault in the other segment", lambda: len(segments.incidents()) == 1)
    segments.plug("office", up=True)
    segments.until("sight again", lambda: segments.codes()["watcher_sees"])
    segments.until("all there up", lambda: segments.verdicts()["web01"] == segments.verdicts()["web02"] == Verdict.UP)
    assert [(row.host, row.level) for row in segments.incidents()] == [("db01", 5)]
    assert segments.commands("Run") == []
    segments.until("its mails", lambda: len(segments.mails("first")) == 3)
    assert ["segment office" in str(mail["Subject"]) for mail in segments.mails("first")].count(True) == 2
    assert "does not see segment office" in body(segments.mails("first")[0])
    assert {str(mail["To"]) for mail in segments.mails() if "web" in str(mail["Subject"])} == set()


@pytest.mark.root
def test_everything_restarts_and_nobody_hears_of_it(segments: Segments) -> None:
    """A fault that began before is the same one afterwards; one that ended meanwhile is told as over, once."""
    segments.plug("web01", up=False)
    segments.plug("db01", up=False)
    segments.until("both faults told", lambda: len(segments.mails("office")) == 2)
    before = segments.codes()
    for name in ("engine", "hands", "office", "dmz"):
        segments.kill(name)
    segments.plug("web01", up=True)
    segments.start("engine", "hands")
    for watcher in ("office", "dmz"):
        segments.watch_from(watcher)
    segments.until("the recovery", lambda: segments.codes()["recovered"] == before["recovered"] + 1)
    segments.until("the last mail", lambda: len(segments.mails("office")) == 3)
    assert segments.verdicts() == {"web01": Verdict.UP, "web02": Verdict.UP, "db01": Verdict.DOWN}
    assert [row.host for row in segments.incidents() if row.recovered_at_s is None] == ["db01"]
    assert segments.codes()["fault_told"] == before["fault_told"]
