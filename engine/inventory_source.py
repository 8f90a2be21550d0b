"""The inventory's folder and the accepted version: read at the start, and again when a file changes or on SIGHUP (the design's
one truth is the accepted version in the store; a bad new one is refused and the old goes on holding)."""

import hashlib
import logging
import uuid
from pathlib import Path

from sqlmodel import Session, col, select

import inventory
import runbooks
from domain import events as ev
from domain.model import Policy
from engine.context import Context
from inventory import InventoryError, Registries
from probes import PROBES
from remediation import ACTIONS
from store import inbox, policies
from store.codec import decode, encode
from store.tables import HostRow, Inbox, VerdictRow

log = logging.getLogger(__name__)

TOLD_CHARS = 800

Signature = tuple[tuple[str, int, int], ...]


def registries() -> Registries:
    """What an inventory may name."""
    return Registries(probes=PROBES, runbooks=frozenset(runbooks.load(ACTIONS)))


class InventorySource:
    """Watches one folder."""

    def __init__(self, context: Context, folder: Path) -> None:
        self._context = context
        self._folder = folder
        self._seen: Signature | None = None
        self._before: Signature | None = None
        self._refused: str | None = None
        """The mistakes that operators were last told of, until a good version comes."""

    def start(self) -> None:
        """Accept what is there; raises ``InventoryError`` where it is bad, unless an older version is accepted already."""
        with self._context.store.read() as session:
            first = policies.current(session) is None
        self._seen = self._signature()
        try:
            self._accept(inventory.load(self._folder, registries()).policy)
        except InventoryError as error:
            if first:
                raise
            self._refuse(error)

    def poll(self, *, force: bool = False) -> None:
        """Load again if any file changed (or ``force``). A change is taken up when two polls in a row find the same: files that
        are still being written are not mistakes to tell of."""
        signature = self._signature()
        settled, self._before = signature == self._before, signature
        if not force and (signature == self._seen or not settled):
            return
        self._seen = signature
        try:
            self._accept(inventory.load(self._folder, registries()).policy)
        except InventoryError as error:
            self._refuse(error)

    def _accept(self, policy: Policy) -> None:
        self._refused = None
        with self._context.store.write() as session:
            before = policies.current(session)
            now_s = self._context.clock.now_s()
            if before is not None and before.version == policy.version:
                if refused(session) is not None:
                    policies.found_again(session, policy.version, now_s)
                return
            policies.accept(session, policy.version, encode(policy), str(self._folder), now_s)
            _forget_former(session, before, policy)
            change = uuid.uuid4().hex
            for host in session.exec(select(HostRow.host)).all():
                event = ev.PolicyChanged(id=f"policy/{change}/{host}", at_s=now_s, host=host, version=policy.version)
                inbox.insert(session, event)
        log.info("inventory %s accepted from %s", policy.version[:12], self._folder)

    def _refuse(self, error: InventoryError) -> None:
        """Tell the operators, once for each bad version: neither every poll nor a process that starts again repeats it."""
        log.error("the inventory in %s is refused, the accepted one goes on holding:\n%s", self._folder, error)
        if str(error) == self._refused:
            return
        self._refused = str(error)
        files = hashlib.sha256(repr(self._seen).encode()).hexdigest()[:32]
        with self._context.store.write() as session:
            now_s = self._context.clock.now_s()
            said = _told(error, self._folder)
            event = ev.InventoryRefused(id=f"refused/{files}", at_s=now_s, error=said, mistakes=len(error.mistakes))
            inbox.insert(session, event)

    def _signature(self) -> Signature:
        """Names, times and sizes of the files; a change of any is a change of the inventory."""
        found = []
        for file in inventory.yaml_files(self._folder):
            try:
                status = file.stat()
            except FileNotFoundError:
                continue  # replaced this very moment: the next poll sees it
            found.append((str(file.relative_to(self._folder)), status.st_mtime_ns, status.st_size))
        return tuple(found)


def refused(session: Session) -> ev.InventoryRefused | None:
    """The refusal of files that are newer than the accepted version, until a good one was read."""
    told = select(Inbox).where(Inbox.host == "", Inbox.kind == ev.InventoryRefused.__name__).order_by(col(Inbox.seq).desc())
    row, accepted_s = session.exec(told.limit(1)).first(), policies.accepted_s(session)
    if row is None or accepted_s is None or row.at_s < accepted_s:
        return None
    return decode(ev.InventoryRefused, row.payload)


def _told(error: InventoryError, folder: Path) -> str:
    """As many mistakes as fit into one fact of a message, and where the others are to be had."""
    said: list[str] = []
    for mistake in (str(one).removeprefix(str(folder)).lstrip("/: ") for one in error.mistakes):
        if said and sum(map(len, said)) + len(mistake) > TOLD_CHARS:
            break
        said.append(mistake)
    more = len(error.mistakes) - len(said)
    return "; ".join([*said, *([f"{more} more, listed by `hikeshi check`"] if more else [])])


def _forget_former(session: Session, before: Policy | None, policy: Policy) -> None:
    """A check that comes back one day, or comes to another customer, begins anew: what it was before is no news then."""
    owners, former = policy.owners(), before.owners() if before is not None else {}
    for row in session.exec(select(VerdictRow)).all():
        if row.check not in owners or owners[row.check] != former.get(row.check, owners[row.check]):
            session.delete(row)
