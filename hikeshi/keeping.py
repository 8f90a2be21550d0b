"""Backup and restore of the store."""

import sys
from pathlib import Path

from engine.settings import Settings
from hikeshi.exits import Exit
from hikeshi.show import refuse
from store import backup as stored
from store.db import parse_url, sqlite_path
from store.samples import samples_path


def backup(file: Path, *, samples: bool) -> Exit:
    """Copy the store, or on SQLite the samples beside it, while they are in use."""
    if file.exists():
        return refuse(f"{file} is there already; a backup overwrites nothing, so choose another name")
    url = Settings().url
    store = sqlite_path(parse_url(url))
    beside = samples_path(store) if store is not None else None
    if samples and beside is None:
        return refuse("the samples are in the PostgreSQL database, and in each backup of it: leave --samples out", Exit.USAGE)
    stored.backup(f"sqlite:///{beside}" if samples else url, file.absolute())
    print(f"{file}: {file.stat().st_size:,} bytes")
    if not samples and beside is not None and beside.exists():
        print(f"the samples are not in it ({beside.stat().st_size:,} bytes): hikeshi backup --samples FILE", file=sys.stderr)
    return Exit.OK


def restore(file: Path) -> Exit:
    """Make the store of a backup; refused where there is one already."""
    settings = Settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored.restore(file.absolute(), settings.url)
    print(f"restored from {file}")
    return Exit.OK
