"""Where inventories come from: whatever is wrong with new files, the accepted version goes on holding; and only the engine that
decides says which one that is."""

import errno
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deciding import HOLDER, SOON_S, Deciding, until
from hand_clock import HandClock
from local import inventory
from sample_policy import policy
from sqlmodel import col, select
from store_samples import lapse

from domain.events import InventoryRefused
from domain.model import Policy
from engine.inventory_source import InventorySource, refused
from engine.tick import LEASE, LeaseLostError
from engine.watchers import WatcherGuard
from inventory import InventoryError
from store import lease
from store.codec import decode
from store.db import Store
from store.tables import Inbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good inventory."""
    made = tmp_path / "inventory"
    made.mkdir()
    (made / "all.yaml").write_text(json.dumps(inventory({"web01": 1})))
    return made


@pytest.fixture
def sqlite(tmp_path: Path, clock: HandClock) -> Iterator[Store]:
    """Its leases are measured by the clock that the test moves."""
    made = Store(f"sqlite:///{tmp_path / 'hikeshi.db'}", clock)
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def engine(sqlite: Store, clock: HandClock, tmp_path: Path) -> Deciding:
    return Deciding(sqlite, clock, tmp_path)


def told(engine: Deciding) -> list[str]:
    """What operators hear of inventories."""
    with engine.store.read() as session:
        kind = InventoryRefused.__name__
        rows = session.exec(select(Inbox.payload).where(Inbox.kind == kind).order_by(col(Inbox.seq))).all()
    return [decode(InventoryRefused, row).error for row in rows]


def in_status(engine: Deciding) -> bool:
    """Does ``hikeshi status`` speak of a refusal?"""
    with engine.store.read() as session:
        return refused(session) is not None


def looked(source: InventorySource, times: int = 3) -> None:
    """The folder was looked at so often, and what was found is taken up."""
    for _ in range(times):
        source.poll()
        until(lambda: not any(one.name == "inventory" for one in threading.enumerate()))


class TestWhatCannotBeRead:
    LOOP = "b.yaml: cannot be read (not a regular file), would be right: a regular file that this user may read"

    @pytest.fixture
    def source(self, engine: Deciding, folder: Path) -> InventorySource:
        source = InventorySource(engine.context, folder, HOLDER)
        source.start()
        looked(source)
        assert told(engine) == []
        return source

    def test_is_refused_once_and_the_accepted_version_holds(
        self, engine: Deciding, clock: HandClock, folder: Path, source: InventorySource
    ) -> None:
        accepted, loop = engine.version, folder / "b.yaml"
        for times in (1, 2):
            loop.symlink_to(loop.name)
            looked(source, 5)
            assert told(engine) == [self.LOOP] * times, "after a good version the same files are news again"
            assert (engine.version, in_status(engine)) == (accepted, True)
            clock.sleep(1)
            loop.unlink()
            looked(source)
            assert not in_status(engine)
            clock.sleep(1)

    def test_nor_told_again_by_a_process_that_starts(
        self, engine: Deciding, clock: HandClock, folder: Path, source: InventorySource
    ) -> None:
        (folder / "b.yaml").symlink_to("b.yaml")
        looked(source)
        next_one = InventorySource(engine.context, folder, HOLDER)
        next_one.begin()
        looked(next_one)
        lease.drop(engine.store, LEASE, HOLDER)
        assert InventorySource(engine.context, folder).start().version == engine.version
        assert told(engine) == [self.LOOP]

    def test_nor_is_a_folder_that_is_gone(self, engine: Deciding, folder: Path, source: InventorySource) -> None:
        folder.rename(folder.with_name("elsewhere"))
        looked(source)
        assert told(engine) == ["is no folder, would be right: a folder of .yaml files"]

    def test_there_is_nothing_to_begin_with(self, engine: Deciding, folder: Path, tmp_path: Path, clock: HandClock) -> None:
        fresh = Store(f"sqlite:///{tmp_path / 'fresh.db'}", clock)
        fresh.migrate()
        (folder / "b.yaml").symlink_to("b.yaml")
        with pytest.raises(InventoryError, match=self.LOOP.replace("(", r"\(").replace(")", r"\)")):
            InventorySource(type(engine.context)(engine.context.settings, fresh, clock), folder).begin()
        fresh.close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("hunter2"), "hikeshi itself failed at it (ValueError), the log of its engine says where"),
        (RecursionError(), "hikeshi itself failed at it (RecursionError), the log of its engine says where"),
        (
            OSError(errno.ESTALE, os.strerror(errno.ESTALE)),
            "cannot be read (Stale file handle), would be right: files that this user may read",
        ),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Exception) else "",
)
def test_however_reading_fails_the_accepted_version_holds(
    engine: Deciding, folder: Path, caplog: pytest.LogCaptureFixture, error: Exception, words: str
) -> None:
    def fail(_folder: Path) -> Policy:
        raise error

    source = InventorySource(engine.context, folder, HOLDER, fail)
    source.begin()
    looked(source)
    source.poll(force=True)
    looked(source)
    assert (told(engine), engine.version) == ([words], "1")
    assert "hunter2" not in caplog.text
    assert ("in fail\n" in caplog.text) == (not isinstance(error, OSError)), "where it failed"


class Hanging(type(Path())):  # type: ignore[misc]  # the class of this machine's paths
    """A folder on a mount that does not answer until ``answers``."""

    asked, answers = threading.Event(), threading.Event()

    def __fspath__(self) -> str:
        self.asked.set()
        assert self.answers.wait(SOON_S)
        return str(super().__fspath__())


def test_a_mount_that_hangs_keeps_nobody_waiting(engine: Deciding, folder: Path) -> None:
    source = InventorySource(engine.context, Hanging(folder), HOLDER, lambda _: policy(version="2"))
    source.begin()
    assert Hanging.asked.wait(SOON_S)
    source.poll()
    assert engine.version == "1"
    Hanging.answers.set()
    looked(source)
    assert engine.version == "2"


def test_a_file_that_may_be_read_now_is_a_change(engine: Deciding, folder: Path) -> None:
    loads: list[int] = []

    def load(_folder: Path) -> Policy:
        loads.append((folder / "all.yaml").stat().st_mode & 0o777)
        return policy(version=str(len(loads)))

    (folder / "all.yaml").chmod(0o600)
    source = InventorySource(engine.context, folder, HOLDER, load)
    source.start()
    looked(source)
    (folder / "all.yaml").chmod(0o644)
    looked(source, 5)
    assert loads == [0o600, 0o644]


class TestAnotherEngineDecides:
    """This one was stopped, its lease ended, and it wakes with what it had found."""

    def late(self, engine: Deciding, folder: Path, load: Callable[[Path], Policy]) -> InventorySource:
        source = InventorySource(engine.context, folder, HOLDER, load)
        source.begin()
        until(lambda: not any(one.name == "inventory" for one in threading.enumerate()))
        lapse(engine.store)
        assert lease.take(engine.store, LEASE, "another", 1e6)
        InventorySource(engine.context, folder, "another", lambda _: policy(version="3")).start()
        return source

    def test_an_older_inventory_does_not_replace_a_newer_one(self, engine: Deciding, folder: Path) -> None:
        source = self.late(engine, folder, lambda _: policy(version="2"))
        with pytest.raises(LeaseLostError):
            source.poll()
        assert engine.version == "3"

    def test_nor_is_it_refused(self, engine: Deciding, folder: Path) -> None:
        def fail(_folder: Path) -> Policy:
            raise InventoryError(())

        source = self.late(engine, folder, fail)
        with pytest.raises(LeaseLostError):
            source.poll()
        assert (told(engine), in_status(engine)) == ([], False)

    def test_who_prepares_a_start_leaves_it_to_that_engine(self, engine: Deciding, folder: Path) -> None:
        assert InventorySource(engine.context, folder, load=lambda _: policy(version="2")).start().version == "2"
        assert engine.version == "1"
        lapse(engine.store)
        InventorySource(engine.context, folder, load=lambda _: policy(version="2")).start()
        assert engine.version == "2"

    def test_a_silent_watcher_is_for_that_engine_to_tell_of(self, engine: Deciding, clock: HandClock) -> None:
        guard = WatcherGuard(engine.context, HOLDER)
        guard.once()
        clock.sleep(3600)
        lapse(engine.store)
        assert lease.take(engine.store, LEASE, "another", 1e6)
        with pytest.raises(LeaseLostError):
            guard.once()
        with engine.store.read() as session:
            assert session.exec(select(Inbox)).all() == []
