"""A copy of the whole store while it is in use, and back. Restoring never overwrites anything."""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, NullPool, create_engine, make_url
from sqlmodel import Session

from store.db import StoreError, has_tables, libpq_url, parse_url, shown, sqlite_path, void_leases
from store.migrations import HEAD

_TOOL_TIMEOUT_S = 3600


class RestoreError(StoreError):
    """Restoring would do harm; nothing was changed."""


def backup(url: str, path: Path) -> None:
    """Write the store as it is at one moment to ``path`` (a SQLite database, or ``pg_dump``'s custom format), readable by its
    owner only. Appears whole or not at all; replaces an older one. The store may be in use."""
    parsed = parse_url(url)
    partial = path.with_name(path.name + ".partial")
    source = sqlite_path(parsed)
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        if source is not None:
            _copy_sqlite(source, partial)
        else:
            _tool(parsed, "pg_dump", "--format=custom", f"--file={partial}")
        _to_disk(partial)
        partial.replace(path)
        _to_disk(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def restore(path: Path, url: str) -> None:
    """Make a store of a backup. Whatever was claimed or leased when it was taken is free.

    Raises ``RestoreError`` when there is a store at ``url`` already (it may be running, and what it holds may be newer), or
    when the backup is damaged or of a schema that this version does not know.
    """
    parsed = parse_url(url)
    if not path.is_file():
        raise RestoreError(f"{path}: there is no backup of this name")
    target = sqlite_path(parsed)
    if target is not None:
        _restore_sqlite(path, target)
    else:
        _restore_postgres(path, parsed)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise StoreError(f"{source}: there is no store to back up")
    with closing(sqlite3.connect(source, timeout=30.0)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, not three
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise StoreError(f"{source}: the store is damaged, so it was not backed up: {found}")


def _restore_sqlite(path: Path, target: Path) -> None:
    # a journal left behind by another database would be played into the restored one
    there = [file for suffix in ("", "-wal", "-shm", "-journal") if (file := Path(f"{target}{suffix}")).exists()]
    if there:
        raise RestoreError(_occupied(", ".join(map(str, there)), "move these files away"))
    _demand_known(path, _sqlite_revision(path))
    partial = target.with_name(target.name + ".partial")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
        shutil.copyfile(path, partial)
        _free(make_url(f"sqlite:///{partial}"))
        with closing(sqlite3.connect(partial)) as restored:
            restored.execute("PRAGMA journal_mode = WAL")
        _to_disk(partial)
        os.link(partial, target)  # unlike a rename, fails when somebody has made one meanwhile
        _to_disk(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sqlite_revision(path: Path) -> str | None:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as backed_up:
            if backed_up.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
                return None
            row = backed_up.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        return None
    return str(row[0]) if row else None


def _restore_postgres(path: Path, url: URL) -> None:
    if has_tables(url):
        raise RestoreError(_occupied(shown(url), "restore into an empty database"))
    # the dump's own words for this one table: a COPY block
    dumped = _tool(None, "pg_restore", "--data-only", "--table=alembic_version", "--file=-", str(path)).splitlines()
    start = next((number for number, line in enumerate(dumped) if line.startswith("COPY ")), None)
    _demand_known(path, dumped[start + 1].strip() if start is not None else None)
    _tool(url, "pg_restore", "--single-transaction", "--no-owner", "--no-privileges", str(path))
    _free(url)


def _occupied(what: str, remedy: str) -> str:
    return f"{what}: there is a store already, and restoring never overwrites one; stop hikeshi and {remedy}"


def _demand_known(path: Path, revision: str | None) -> None:
    from store.migrations import runner  # noqa: PLC0415 - Alembic is heavy and rarely needed

    if revision is None:
        raise RestoreError(f"{path}: this is no whole backup of a store")
    if not runner.known(revision):
        raise RestoreError(f"{path}: the backup's schema is {revision}, this hikeshi works with {HEAD}; use the one that made it")


def _free(url: URL) -> None:
    with Session(create_engine(url, poolclass=NullPool)) as session:
        void_leases(session)
        session.commit()


def _tool(url: URL | None, name: str, *arguments: str) -> str:
    """Run one of PostgreSQL's own programs; the password goes by the environment, where ``ps`` shows it to nobody else."""
    program = shutil.which(name)
    if program is None:
        raise StoreError(f"{name} is not installed; it comes with Debian's postgresql-client")
    environment = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME") or key.startswith("PG")}
    argv = [program, *arguments]
    if url is not None:
        argv.append(f"--dbname={libpq_url(url, password=False)}")
        if url.password is not None:
            environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=_TOOL_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise StoreError(f"{name} failed: {done.stderr.strip() or f'exit status {done.returncode}'}")
    return done.stdout


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
