"""One SNMP session with an agent, as a dialogue: all values in as few GETs, all tables in as few GETBULKs as they fit in.

Every count is bounded by a constant, and each answer leaves less to be asked, so it ends whatever the agent says.
"""

from collections.abc import Callable, Collection, Generator
from typing import NamedTuple

from domain.observation import down, up
from probes.reading import Absent, Get, Item, Oid, Rows, Table, Value
from probes.spec import Dialogue, Wish
from watch.snmp.community import OfCommunity
from watch.snmp.message import GET, GET_BULK, GET_NEXT, Access, Bind, Response
from watch.snmp.speaking import Faulty, Hearing, Speaks
from watch.snmp.user import AsUser, Engines
from watch.snmp.usm import User

OIDS_A_PACKET = 30
BINDS_A_PACKET = 40
"""Of an answer to a GETBULK: names of processes and partitions then fit into one packet of an Ethernet."""
COLUMNS_A_PACKET = 10
MAX_PACKETS = 600
_TOO_BIG, _NO_SUCH_NAME = 1, 2
_STATUS = ("noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength",
           "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed", "undoFailed",
           "authorizationError", "notWritable", "inconsistentName")  # fmt: skip

Found = dict[Item, Value | Rows | Absent]


class Agent(NamedTuple):
    """Where it listens, and how it is asked. ``access`` raises ``SecretMissing``; ``engines`` keeps what is known of those that
    are asked as a user."""

    address: str
    port: int
    access: Callable[[], Access | User]
    engines: Engines


def poll(agent: Agent, items: Collection[Item], found: Found) -> Dialogue:
    """Up when ``found`` has something of every item, be it that there is no such thing."""
    session = _Session(agent)
    try:
        yield from session.values([item for item in items if isinstance(item, Get)], found)
        if len(found) < len(items):
            yield from session.tables([item for item in items if isinstance(item, Table)], found)
    except Faulty as fault:
        return down(str(fault))
    return up()


class _Session:
    def __init__(self, agent: Agent) -> None:
        access, where = agent.access(), (agent.address, agent.port)
        self._agent: Speaks = AsUser(where, access, agent.engines) if isinstance(access, User) else OfCommunity(where, access)
        self._packets = 0

    def values(self, wanted: list[Get], found: Found) -> Generator[Wish, bytes, None]:
        chunks = [wanted[at : at + OIDS_A_PACKET] for at in range(0, len(wanted), OIDS_A_PACKET)]
        while chunks:
            chunk = chunks.pop()
            answer = yield from self._ask(GET, [item.oid for item in chunk])
            if not answer.status:
                self._take(chunk, answer.binds, found)
            elif answer.status == _TOO_BIG and len(chunk) > 1:
                chunks += [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
            elif 1 <= answer.variable <= len(chunk):
                found[chunk.pop(answer.variable - 1)] = Absent(_word(answer.status))
                chunks += [chunk] if chunk else []
            else:
                found.update(dict.fromkeys(chunk, Absent(_word(answer.status))))

    def _take(self, asked: list[Get], binds: list[Bind], found: Found) -> None:
        if [bind.oid for bind in binds] != [item.oid for item in asked]:
            raise Faulty("the SNMP agent answers with other values than it was asked for")
        for item, bind in zip(asked, binds, strict=True):
            found[item] = bind.value

    def tables(self, wanted: list[Table], found: Found) -> Generator[Wish, bytes, None]:
        """Several columns at a time, each from where it is; those that have ended make room."""
        columns = [_Column(table) for table in wanted]
        width, most = COLUMNS_A_PACKET, BINDS_A_PACKET if self._agent.bulk else 1
        kind = GET_BULK if self._agent.bulk else GET_NEXT
        while turn := [column for column in columns if column.open][:width]:
            rows = min(most, max(1, BINDS_A_PACKET // len(turn)))
            answer = yield from self._ask(kind, [column.at for column in turn], rows if kind == GET_BULK else 0)
            if not answer.status:
                self._add(turn, answer.binds, rows)
            elif answer.status == _TOO_BIG and rows * len(turn) > 1:
                most, width = max(1, rows // 2), width if rows > 1 else len(turn) // 2
            else:
                for column in turn[answer.variable - 1 : answer.variable] or turn:
                    column.refuse(answer.status)
        found.update({column.table: column.result for column in columns})

    def _add(self, turn: "list[_Column]", binds: list[Bind], rows: int) -> None:
        if not binds or len(binds) > len(turn) * rows:
            raise Faulty("the SNMP agent answers with more or less than it was asked for")
        for number, bind in enumerate(binds):
            turn[number % len(turn)].add(bind)

    def _ask(self, kind: int, oids: list[Oid], repetitions: int = 0) -> Hearing[Response]:
        self._packets += 1
        if self._packets > MAX_PACKETS:
            raise Faulty(f"the SNMP agent has not told all after {MAX_PACKETS} packets")
        return (yield from self._agent.ask(kind, oids, repetitions))


class _Column:
    """One column as far as it is read; ``at`` is where to go on."""

    def __init__(self, table: Table) -> None:
        self.table, self.at = table, table.column
        self.open = True
        self._cells: dict[Oid, Value] = {}
        self._whole = True
        self._absent: Absent | None = None

    @property
    def result(self) -> Rows | Absent:
        return self._absent or Rows(self._cells, self._whole)

    def add(self, bind: Bind) -> None:
        """The next cell, or what comes after the last."""
        if not self.open:
            return
        depth = len(self.table.column)
        if bind.oid[:depth] != self.table.column or isinstance(bind.value, Absent):
            self.open = False
        elif bind.oid <= self.at:
            self._end(Absent("the agent's table runs in circles"))
        elif len(self._cells) == self.table.max_rows:
            self._whole = self.open = False
        else:
            self.at = bind.oid
            self._cells[bind.oid[depth:]] = bind.value

    def refuse(self, status: int) -> None:
        """In v1 a column at the end of everything is refused as no such name."""
        if status == _NO_SUCH_NAME and self._cells:
            self.open = False
        else:
            self._end(Absent(_word(status)))

    def _end(self, absent: Absent) -> None:
        self._absent, self.open = absent, False


def _word(status: int) -> str:
    return _STATUS[status] if 0 < status < len(_STATUS) else f"error-status {status}"
