"""``postgresql`` (C37): the named database can be opened with the account. Its library is awaited in the watcher's pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, LiteralString, NamedTuple

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.database import options
from probes.spec import Call, Spec, Target
from probes.way_in import Account

if TYPE_CHECKING:
    from psycopg import AsyncConnection

PORT = 5432
_MODES = {"none": "disable", "required": "require", "verified": "verify-full"}


class Session(NamedTuple):
    connection: AsyncConnection
    account: Account


async def _look(target: Target) -> Observation:
    session = await opened(target)
    if isinstance(session, Observation):
        return session
    version = session.connection.info.server_version
    await session.connection.close()
    return up(f"PostgreSQL {version // 10_000}.{version % 10_000}")


async def opened(target: Target) -> Session | Observation:
    """The database, or why it can't be opened."""
    import psycopg  # noqa: PLC0415  # it takes a tenth of a second, and few watchers have such a check

    given = target.options
    login = option.as_login(given["login"])
    account = Account(login.user, target.secrets(login.password))
    if not account.password:
        return unknown("the password is empty")
    verified = given["tls"] == "verified"
    try:
        connection = await psycopg.AsyncConnection.connect(
            host=given["server_name"] or target.called,
            hostaddr=target.address,
            port=given["port"] or PORT,
            dbname=given["database"],
            user=account.user,
            password=account.password,
            passfile="/dev/null",  # the watcher's own user may have one
            sslmode=_MODES[given["tls"]],
            gssencmode="disable",
            application_name="hikeshi",
            # the password itself only goes where the certificate is right
            **({"sslrootcert": given["ca_file"] or "system"} if verified else {"require_auth": "!password"}),
        )
    except psycopg.OperationalError as error:
        return down(f"refused with {account.said(_words(str(error)).encode())}")
    return Session(connection, account)


async def asked(session: Session, query: LiteralString) -> int | Observation:
    """The one number that is the answer; the session ends with it."""
    import psycopg  # noqa: PLC0415  # as above

    async with session.connection as connection:
        try:
            cursor = await connection.execute(query)
            row = await cursor.fetchone()
        except psycopg.Error as error:
            return down(f"refused the question with {session.account.said(_words(str(error)).encode())}")
    number = row[0] if row is not None and len(row) == 1 else None
    return number if isinstance(number, int) else down("answered something else than a number")


def _words(error: str) -> str:
    """Of what the library says, what the server or the system did: one line, and no address."""
    line = error.partition("\n")[0]
    return line.rpartition(" failed: ")[2] or line


POSTGRESQL = Spec(
    name="postgresql",
    source="C37",
    doc="Opens a database with an account, on PostgreSQL",
    way=Call(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(PORT),
)
