"""The inventory's folder and the accepted version: read at the start, and again when a file changes or on SIGHUP (the design's
one truth is the accepted version in the store; a bad new one is refused and the old goes on holding)."""

import hashlib
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future
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
Loaded = tuple[Policy, str]
"""An inventory, and its document for the store."""


def registries() -> Registries:
    """What an inventory may name."""
    return Registries(probes=PROBES, runbooks=frozenset(runbooks.load(ACTIONS)))


def load(folder: Path) -> Policy:
    """What the folder says; raises ``InventoryError``."""
    return inventory.load(folder, registries()).policy


class InventorySource:
    """Watches one folder. Used from one thread; the files are read beside it, as that takes seconds for thousands of hosts."""

    def __init__(self, context: Context, folder: Path, load: Callable[[Path], Policy] = load) -> None:
        self._context = context
        self._folder = folder
        self._load = load
        self._loading: Future[Loaded] | None = None
        self._again = False
        """Was it asked for while it was being loaded? That may have been too late for a file."""
        self._seen: Signature | None = None
        self._before: Signature | None = None
        self._refused: str | None = None
        """The mistakes that operators were last told of, until a good version comes."""

    def start(self) -> None:
        """Accept what is there; raises ``InventoryError`` where it is bad, unless an older version is accepted already."""
        first = self._is_first()
        self._seen = self._signature()
        try:
            self._accept(*_read(self._load, self._folder))
        except InventoryError as error:
            if first:
                raise
            self._refuse(error)

    def begin(self) -> None:
        """As ``start``; but where an older version is accepted already nobody waits for it, and ``poll`` takes it up."""
        if self._is_first():
            self.start()
        else:
            self.poll(force=True)

    def poll(self, *, force: bool = False) -> None:
        """Begin to load again if any file changed (or ``force``), and take up what was loaded since the last poll; never waits. A
        change counts when two polls in a row find the same: files that are still being written are not mistakes to tell of."""
        self._again = self._again or force
        if self._loading is not None:
            if not self._loading.done():
                return
            self._take_up(self._loading)
            self._loading = None
        signature = self._signature()
        settled, self._before = signature == self._before, signature
        if not self._again and (signature == self._seen or not settled):
            return
        self._seen, self._again = signature, False
        self._loading = Future()
        # a daemon: what only reads must not keep a process from ending
        threading.Thread(target=_fulfil, args=(self._loading, self._load, self._folder), name="inventory", daemon=True).start()

    def _is_first(self) -> bool:
        with self._context.store.read() as session:
            return policies.current(session) is None

    def _take_up(self, loading: "Future[Loaded]") -> None:
        try:
            self._accept(*loading.result())
        except InventoryError as error:
            self._refuse(error)

    def _accept(self, policy: Policy, document: str) -> None:
        self._refused = None
        with self._context.store.write() as session:
            before = policies.current(session)
            now_s = self._context.clock.now_s()
            if before is not None and before.version == policy.version:
                if refused(session) is not None:
                    policies.found_again(session, policy.version, now_s)
                return
            policies.accept(session, policy.version, document, str(self._folder), now_s)
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


def _read(load: Callable[[Path], Policy], folder: Path) -> Loaded:
    policy = load(folder)
    return policy, encode(policy)


def _fulfil(loading: "Future[Loaded]", load: Callable[[Path], Policy], folder: Path) -> None:
    try:
        loading.set_result(_read(load, folder))
    except BaseException as error:  # noqa: BLE001  # whoever asks for the result meets it
        loading.set_exception(error)


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
