"""The tables. Times are UTC epoch seconds (``_s``), except leases and claims, which count the store's lease clock.

Text that ``store.codec`` wrote is kept as text; ``JSON`` columns hold small plain values that are only ever read whole.
"""

from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Column, Dialect, Index, Integer, Text, TypeDecorator, text
from sqlmodel import Field, SQLModel


class Plain(TypeDecorator[str]):
    """Text from the outside world. PostgreSQL refuses NUL and UTF-8 refuses half a surrogate pair: a banner or an error message
    that holds one must not stop the engine, so both become U+FFFD."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None or (value.isprintable() and "\0" not in value):
            return value
        return value.replace("\0", "�").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _seq() -> Any:
    """An ever growing number; never used twice, not even after rows were deleted."""
    return Field(default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True))


def _text(*, primary_key: bool = False, index: bool = False, unique: bool = False) -> Any:
    return Field(sa_type=Plain, primary_key=primary_key, index=index, unique=unique)


def _maybe(*, index: bool = False) -> Any:
    return Field(default=None, sa_type=Plain, nullable=True, index=index)


def _json() -> Any:
    return Field(default_factory=list, sa_type=JSON)


def _only(condition: str) -> dict[str, Any]:
    """A partial index: the few rows that are still open, however long the table has become."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class Inbox(SQLModel, table=True):
    """Everything the engine was told, in the order in which it was written down."""

    __tablename__: ClassVar[str] = "inbox"
    __table_args__ = (
        Index("inbox_pending", "seq", **_only("NOT decided")),
        Index("inbox_set_aside", "seq", **_only("set_aside IS NOT NULL")),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = _seq()
    event_id: str = _text(unique=True)
    kind: str = _text()
    host: str = _text(index=True)
    at_s: float
    received_s: float
    payload: str = _text()
    decided: bool = False
    set_aside: str | None = _maybe()
    """Why it could not be decided; ``decided`` then, as it is never tried again."""


class Decision(SQLModel, table=True):
    """What the engine made of one event: ``reasons`` [{"code", "facts"}], ``commands`` [keys]. Never changed afterwards."""

    __tablename__: ClassVar[str] = "decision"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: int | None = _seq()
    event_seq: int = Field(sa_type=BigInteger, index=True, foreign_key="inbox.seq")
    event_kind: str = _text()
    at_s: float
    host: str = _text(index=True)
    customer: str | None = _maybe()
    incident: str | None = _maybe(index=True)
    version: str = _text()
    policy_version: str = _text()
    reasons: list[dict[str, Any]] = _json()
    commands: list[str] = _json()


class HostRow(SQLModel, table=True):
    """The state machine's memory of a host (``state`` by codec), when it next wants to be asked, and its open incident."""

    __tablename__: ClassVar[str] = "host"

    host: str = _text(primary_key=True)
    state: str = _text()
    next_due_s: float | None = Field(default=None, index=True)
    incident: str | None = _maybe()


class UnreachableRow(SQLModel, table=True):
    """A host that can't be reached now, and since when by the steady clock: what a mass outage is counted by."""

    __tablename__: ClassVar[str] = "unreachable"
    __table_args__ = (Index("unreachable_segment", "segment", "since_s"),)

    host: str = _text(primary_key=True)
    segment: str = _text()
    since_s: float


class IncidentRow(SQLModel, table=True):
    """One trouble from fault to recovery, as people ask for it; the truth is the host's state and the decisions."""

    __tablename__: ClassVar[str] = "incident"

    id: str = _text(primary_key=True)
    number: int = Field(unique=True)
    host: str = _text(index=True)
    customer: str = _text()
    level: int
    phase: str = _text()
    fault_at_s: float
    opened_at_s: float
    told: bool = False
    recovered_at_s: float | None = None
    closed_at_s: float | None = None
    acknowledged_by: str | None = _maybe()


class CommandRow(SQLModel, table=True):
    """Something to be done, once. Open until ``done_s``; whoever holds the claim until ``lease_until_s`` does it."""

    __tablename__: ClassVar[str] = "command"
    __table_args__ = (
        Index("command_open", "kind", "seq", **_only("done_s IS NULL")),
        Index("command_to", "to", "done_s", **_only('"to" IS NOT NULL')),
        Index("command_queue", "queue", "seq", **_only("done_s IS NULL")),
        {"sqlite_autoincrement": True},
    )

    seq: int | None = _seq()
    key: str = _text(unique=True)
    kind: str = _text()
    incident: str | None = _maybe(index=True)
    host: str | None = _maybe(index=True)
    queue: str = _text()
    to: str | None = _maybe()
    """Of a Notify: ``domain.commands.Notify.to``."""
    payload: str = _text()
    created_s: float
    not_before_s: float
    prefer: str | None = _maybe()
    flow_run: str | None = _maybe()
    claimed_by: str | None = _maybe()
    lease_until_s: float | None = None
    tries: int = 0
    done_s: float | None = None
    outcome: str | None = _maybe()
    detail: str = Field(default="", sa_type=Plain)


RECORDED = "/recorded"
"""After an attempt's id: the id of the event that tells how it ended."""


class Attempt(SQLModel, table=True):
    """One action that somebody asked to perform: refused (``code`` says why, ``outcome`` ``refused``), or admitted, and then its
    effect is unknown as long as ``outcome`` is null. ``intent_boot_s`` is CLOCK_BOOTTIME of the machine that asked."""

    __tablename__: ClassVar[str] = "attempt"
    __table_args__ = (
        Index("attempt_unsettled", "host", **_only("outcome IS NULL")),
        Index("attempt_power", "intent_s", **_only("effect = 'power'")),
    )

    id: str = _text(primary_key=True)
    command: str = Field(sa_type=Plain, index=True, foreign_key="command.key")
    number: int
    """1 for the first of its command: their order, which no clock can change."""
    step: str = _text()
    action: str = _text()
    effect: str = Field(default="change", sa_type=Plain)
    """Of ``domain.procedure.Effect``: power actions are counted (R26)."""
    host: str = _text(index=True)
    customer: str = _text()
    parent: str | None = _maybe()
    """What the host hung on then."""
    claimer: str = _text()
    intent_s: float
    intent_boot_s: float
    code: str = _text()
    before: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    outcome: str | None = _maybe()
    ended_s: float | None = None
    detail: str = Field(default="", sa_type=Plain)
    command_line: str = Field(default="", sa_type=Plain)


class FindingRow(SQLModel, table=True):
    """A text that an attempt kept for people to read; see ``store.findings``."""

    __tablename__: ClassVar[str] = "finding"
    __table_args__ = (Index("finding_name", "attempt", "name", unique=True), {"sqlite_autoincrement": True})

    seq: int | None = _seq()
    attempt: str = Field(sa_type=Plain, foreign_key="attempt.id")
    incident: str | None = _maybe(index=True)
    host: str = _text(index=True)
    step: str = _text()
    name: str = _text()
    text: str = _text()
    at_s: float


class TraitRow(SQLModel, table=True):
    """What was found out about a host at a login; ``identity`` names the machine it was found on."""

    __tablename__: ClassVar[str] = "trait"

    host: str = _text(primary_key=True)
    name: str = _text(primary_key=True)
    value: str = _text()
    identity: str = _text()
    found_s: float


class PolicyRow(SQLModel, table=True):
    """An accepted inventory by content hash; ``document`` is a ``domain.model.Policy`` by codec. One is current."""

    __tablename__: ClassVar[str] = "policy"
    __table_args__ = (Index("policy_current", "current", unique=True, **_only("current")),)

    version: str = _text(primary_key=True)
    document: str = _text()
    accepted_s: float
    source: str = _text()
    current: bool = False


class PauseRow(SQLModel, table=True):
    """A pause somebody set while the engine runs (``payload``: ``domain.pauses.Pause`` by codec), kept when it is over."""

    __tablename__: ClassVar[str] = "pause"

    event_id: str = _text(primary_key=True)
    pause: str = _text(index=True)
    payload: str = _text()
    set_by: str = _text()
    set_s: float
    cancelled_by: str | None = _maybe()
    cancelled_s: float | None = None


class HoldRow(SQLModel, table=True):
    """An operator's stop for ``host`` ("" for every host), kept when it is released."""

    __tablename__: ClassVar[str] = "hold"

    event_id: str = _text(primary_key=True)
    host: str = _text(index=True)
    set_by: str = _text()
    set_s: float
    reason: str = Field(default="", sa_type=Plain)
    released_by: str | None = _maybe()
    released_s: float | None = None
    release_reason: str = Field(default="", sa_type=Plain)


class Approval(SQLModel, table=True):
    """Somebody let a version (content hash) of a runbook act on its own; kept when it is revoked. What the project approved has a
    row here only once that is revoked: then nobody knows ``approved_s``."""

    __tablename__: ClassVar[str] = "approval"

    event_id: str = _text(primary_key=True)
    runbook: str = _text(index=True)
    version: str = _text()
    approved_by: str = _text()
    approved_s: float | None = None
    reason: str = Field(default="", sa_type=Plain)
    revoked_by: str | None = _maybe()
    revoked_s: float | None = None
    revoke_reason: str = Field(default="", sa_type=Plain)


class Rehearsal(SQLModel, table=True):
    """A version of a runbook was run against a throwaway host with a fault; ``path`` is its page, ``unreached`` the steps that act
    and were not done there, with a comma between them."""

    __tablename__: ClassVar[str] = "rehearsal"

    event_id: str = _text(primary_key=True)
    runbook: str = _text(index=True)
    version: str = _text()
    fault: str = _text()
    passed: bool
    at_s: float
    by: str = _text()
    path: str = _text()
    unreached: str = _text()


class OutcomeRow(SQLModel, table=True):
    """How a run that acted (``run``: its key) ended, as a ``domain.trust.End``; ``refailed_s``: when what it cured failed again."""

    __tablename__: ClassVar[str] = "outcome"

    run: str = _text(primary_key=True)
    runbook: str = _text(index=True)
    version: str = _text()
    customer: str = _text()
    host: str = _text()
    incident: str = _text()
    end: str = _text()
    at_s: float
    refailed_s: float | None = None


class Lowering(SQLModel, table=True):
    """The cure of ``run`` did not last, so its runbook does not act on its own for ``customer`` until it is raised; kept then."""

    __tablename__: ClassVar[str] = "lowering"

    run: str = _text(primary_key=True)
    runbook: str = _text()
    customer: str = _text(index=True)
    incident: str = _text()
    check: str = _text()
    lowered_s: float
    raised_by: str | None = _maybe()
    raised_s: float | None = None
    raise_reason: str = Field(default="", sa_type=Plain)


class Lease(SQLModel, table=True):
    """Who may do what only one process may do. ``token`` grows with each change of holder."""

    __tablename__: ClassVar[str] = "lease"

    name: str = _text(primary_key=True)
    holder: str = _text()
    until_s: float
    token: int = Field(default=1, sa_type=BigInteger)


class WatcherRow(SQLModel, table=True):
    """When a watcher was last alive, and how late its looks were. Of what it saw since it began: how many looks wait to be kept as
    samples, and how many were lost."""

    __tablename__: ClassVar[str] = "watcher"

    name: str = _text(primary_key=True)
    seen_s: float
    lag_ms: float = 0.0
    unkept: int = 0
    lost: int = 0


class VerdictRow(SQLModel, table=True):
    """What each check last meant, for people to see."""

    __tablename__: ClassVar[str] = "verdict"

    check: str = _text(primary_key=True)
    host: str = _text(index=True)
    verdict: str = _text()
    since_s: float
    fault_at_s: float | None = None
    detail: str = Field(default="", sa_type=Plain)
    value: float | None = None
    latency_ms: float | None = None
    limit_passed: str | None = _maybe()
    """JSON of a ``domain.observation.Limit``, where the kind tells levels."""
    order: int | None = Field(default=None, sa_column=Column("ordinal", BigInteger, nullable=True))
    """The watcher's own order of its events; a restarted one goes on from here."""
    at_s: float


class HeardRow(SQLModel, table=True):
    """What others said of checks that only listen (``probes.spec.Heard``); what is over is not kept."""

    __tablename__: ClassVar[str] = "heard"

    check: str = _text(primary_key=True)
    about: str = _text(primary_key=True)
    at_s: float
    state: str = _text()
    detail: str = Field(default="", sa_type=Plain)


class Boot(SQLModel, table=True):
    """The boot of the machine whose CLOCK_BOOTTIME the leases count (SQLite); one row.

    ``epoch_s``: what the wall clock said when that CLOCK_BOOTTIME began, as the engine last took it over (``store.steady``).
    """

    __tablename__: ClassVar[str] = "boot"

    id: int = Field(default=1, primary_key=True)
    boot_id: str = _text()
    epoch_s: float | None = None


METADATA = SQLModel.metadata
"""All of the above."""
