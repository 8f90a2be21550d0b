"""What went wrong, in words for the person at the command line, and with which exit code. Anything else is a bug and keeps its
traceback."""

import sqlite3

from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, ProgrammingError

from engine.requests import RefusedError, RequestError
from engine.settings import SettingsError
from hikeshi.exits import Exit
from hikeshi.show import refuse
from inventory import InventoryError
from store.backup import RestoreError
from store.db import StoreError, StoreUrlError


def told(error: Exception) -> Exit:
    """Say it and choose the exit code; raises ``error`` itself where it is nobody's mistake but ours."""
    match error:
        case RefusedError() | RestoreError():
            return refuse(str(error), Exit.REFUSED)
        case RequestError() | InventoryError():
            return refuse(str(error), Exit.BAD_INPUT)
        case StoreUrlError():
            return refuse(f"HIKESHI_STORE_URL: {error}", Exit.BAD_INPUT)
        case StoreError():
            return refuse(str(error), Exit.NO_STORE)
        case IntegrityError() | ProgrammingError():
            raise error
        case DatabaseError() | DBAPIError():
            return refuse(f"the store can't be used: {str(error.orig).strip()}", Exit.NO_STORE)
        case sqlite3.DatabaseError():
            return refuse(f"the store can't be used: {error}", Exit.NO_STORE)
        case SettingsError():
            return refuse(str(error), Exit.BAD_INPUT)
        case OSError():
            return refuse(_of_system(error), Exit.REFUSED)
    raise error


def _of_system(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename is not None else str(error)
