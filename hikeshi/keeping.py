"""Backup and restore of the store."""

from pathlib import Path

from engine.settings import Settings
from hikeshi.exits import Exit
from hikeshi.show import refuse
from store import backup as stored


def backup(file: Path) -> Exit:
    """Copy the store while it is in use."""
    if file.exists():
        return refuse(f"{file} is there already; a backup overwrites nothing, so choose another name")
    stored.backup(Settings().url, file.absolute())
    print(f"{file}: {file.stat().st_size:,} bytes")
    return Exit.OK


def restore(file: Path) -> Exit:
    """Make the store of a backup; refused where there is one already."""
    settings = Settings()
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    stored.restore(file.absolute(), settings.url)
    print(f"restored from {file}")
    return Exit.OK
