"""``dbsize`` (C39): a database takes less than its share of what it is allowed, as its own server counts (SQL).

MySQL is spoken as in ``probes.mysql``, PostgreSQL by its library.
"""

from types import MappingProxyType

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown
from probes import mysql, option, postgresql
from probes.database import options
from probes.option import Option
from probes.reading import Terms
from probes.spec import Call, Choice, Dialogue, Spec, Talk, Target
from probes.threshold import judged, number

_FRESH = "SET /*!80003 SESSION information_schema_stats_expiry = 0, */ @fresh = 1"
"""Else MySQL tells sizes of up to a day ago; MariaDB knows no such thing, and reads that as a comment."""
_TABLES = (
    "SELECT COUNT(*), COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema = DATABASE()"
)


def _look_mysql(target: Target) -> Dialogue:
    session = yield from mysql.opened(target)
    if isinstance(session, Observation):
        return session
    told = yield from mysql.asked(session, _FRESH)
    told = told if isinstance(told, Observation) else (yield from mysql.asked(session, _TABLES))
    yield from mysql.leave()
    if isinstance(told, Observation):
        return told
    if len(told) != 2 or not all(cell.isdigit() and len(cell) < 20 for cell in told):
        return down("answered something else than the size of its tables")
    tables, size = map(int, told)
    if not tables:
        return unknown("the account sees no table there: without a right to any (SELECT, say) it can't see their size")
    return _judged(target, size)


async def _look_postgresql(target: Target) -> Observation:
    session = await postgresql.opened(target)
    if isinstance(session, Observation):
        return session
    size = await postgresql.asked(session, "SELECT pg_database_size(current_database())")
    return size if isinstance(size, Observation) else _judged(target, size)


def _judged(target: Target, size: int) -> Observation:
    given = target.options
    detail = f"{given['database']}: {size / 2**30:.2f} of {given['allowance'] / 2**30:.2f} GiB"
    value = round(size / given["allowance"] * 100, 1)
    return judged(Terms(given, Level.MINOR), value, "%", detail, reached=True)


DBSIZE = Spec(
    name="dbsize",
    source="C39",
    doc="A database takes less than the threshold of what it is allowed",
    way=Choice("system", MappingProxyType({"mysql": Talk(_look_mysql), "postgresql": Call(_look_postgresql)})),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "system": Option("mysql (MariaDB too) or postgresql", option.choice("mysql", "postgresql"), required=True),
        "allowance": Option("how large it may become, such as 10 GiB or 500 MB", option.size(10**6, 10**15), required=True),
        "threshold": Option("percent, 50 to 100, which it may not reach; 90 by default", number(50, 100, "%"), 90),
        **options(None),
    },
    unit="%",
)
