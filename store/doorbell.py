"""Has anybody written? Asked some times a second by processes that have nothing to do, so it must cost nearly nothing."""

import sqlite3
from pathlib import Path
from typing import Any, Protocol

CHANNEL = "hikeshi"
"""PostgreSQL NOTIFY channel; every write transaction rings it when it commits."""


class Doorbell(Protocol):
    def rung(self) -> bool:
        """Has another connection (of any process, this one too) committed since the last call? The first call says yes."""
        ...

    def close(self) -> None: ...


class SqliteDoorbell:
    """``PRAGMA data_version`` of a connection that never writes: about 10 µs."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
        self._seen: int | None = None

    def rung(self) -> bool:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version == self._seen:
            return False
        self._seen = version
        return True

    def close(self) -> None:
        self._connection.close()


class PostgresDoorbell:
    """LISTEN on a connection of its own. A lost connection may have missed a ring, so losing and opening it count as one; while
    there is no server it rings each time."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._connection: Any = None

    def rung(self) -> bool:
        import psycopg  # noqa: PLC0415 - only where the store is PostgreSQL

        try:
            if self._connection is None:
                self._connection = psycopg.connect(self._conninfo, autocommit=True, application_name="hikeshi doorbell")
                self._connection.execute(f"LISTEN {CHANNEL}")
                return True
            return bool(list(self._connection.notifies(timeout=0)))
        except psycopg.OperationalError:
            # the server went away: the caller's next transaction meets the same trouble and reports it
            self.close()
            return True

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
