"""Alembic, driven by ``Store.migrate`` on a transaction that it began."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(files("store") / "migrations").replace("%", "%%"))
    return made


def known(revision: str) -> bool:
    """Is this one of our schema's versions?"""
    try:
        return ScriptDirectory.from_config(config()).get_revision(revision) is not None
    except CommandError:
        return False


def upgrade(connection: Connection) -> None:
    """To the newest version, within the caller's transaction: all of it or nothing."""
    driven = config()
    driven.attributes["connection"] = connection
    command.upgrade(driven, "head")
