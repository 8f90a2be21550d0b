"""The inventory's folder and the accepted version: read at the start, and again when a file changes or on SIGHUP (the design's
one truth is the accepted version in the store; a bad new one is refused and the old goes on holding)."""

import hashlib
import logging
import threading
import traceback
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session, col, select

import inventory
import runbooks
from domain import events as ev
from domain.model import Policy
from engine.context import Context
from engine.tick import LEASE, demand_lease
from inventory import InventoryError, Registries
from probes import PROBES
from remediation import ACTIONS, POWER_DRIVERS
from store import inbox, lease, policies
from store.codec import decode, encode
from store.tables import HostRow, Inbox, VerdictRow

log = logging.getLogger(__name__)

TOLD_CHARS = 800

Load = Callable[[Path], Policy]
Signature = tuple[tuple[str, int, int], ...]
"""Of each file its name, when it or its rights were last changed (ns), and its size (bytes). Of a file or folder that can't be
looked at, -errno and 0: that is a state of the inventory too, and its loader says what is wrong."""
Loaded = tuple[Policy, str]
"""An inventory, and its document for the store."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the folder was found to hold. ``read``: the inventory, or why there is none; ``None`` where nothing asked for it."""

    signature: Signature
    read: Loaded | Exception | None


def registries() -> Registries:
    """What an inventory may name."""
    return Registries(probes=PROBES, runbooks=runbooks.load(ACTIONS), power=POWER_DRIVERS, actions=ACTIONS)


def load(folder: Path) -> Policy:
    """What the folder says; raises ``InventoryError``."""
    return inventory.load(folder, registries()).policy


class InventorySource:
    """Watches one folder for the engine that is ``holder`` of its lease; ``None`` before there is any. Used from one thread. The
    files are looked at and read beside it: that takes seconds for thousands of hosts, and has no end where a mount hangs.

    Nothing is written down while another engine decides: a holder gets ``LeaseLostError``; without one it is left to that engine.
    """

    def __init__(self, context: Context, folder: Path, holder: str | None = None, load: Load = load) -> None:
        self._context = context
        self._folder = folder
        self._holder = holder
        self._load = load
        self._looking: Future[Look] | None = None
        self._again = False
        """Was it asked for while a look was on its way? That may have been too late for a file."""
        self._seen: Signature | None = None
        self._before: Signature | None = None
        self._refused: str | None = None
        """The mistakes that operators were last told of, until a good version comes."""

    def start(self) -> Policy:
        """Accept what is there, or refuse it and keep to the version that is accepted already. Where there is none, raises what is
        wrong: ``InventoryError``, or whatever the loader fails with. Returns what is in force then, or will be once the engine that
        decides has ended."""
        signature, read, accepted = _signature(self._folder), _read(self._folder, self._load), self._accepted()
        if not isinstance(read, Exception):
            accepted, _ = read
        elif accepted is None:
            raise read
        self._take_up(Look(signature, read))
        return accepted

    def begin(self) -> None:
        """As ``start``; but where an older version is accepted already nobody waits for it, and ``poll`` takes it up."""
        if self._accepted() is None:
            self.start()
        else:
            self.poll(force=True)

    def poll(self, *, force: bool = False) -> None:
        """Take up what was found since the last poll, and begin to look again; never waits. The files are read when any of them
        changed (or ``force``). A change counts when two looks in a row find the same: files that are still being written are not
        mistakes to tell of."""
        self._again = self._again or force
        if self._looking is not None:
            if not self._looking.done():
                return
            self._take_up(self._looking.result())
        asked, seen, before, self._again = self._again, self._seen, self._before, False
        looking = self._looking = Future[Look]()

        def look() -> None:
            try:
                looking.set_result(_look(self._folder, self._load, lambda found: asked or seen != found == before))
            except BaseException as error:  # noqa: BLE001  # whoever asks for the result meets it
                looking.set_exception(error)

        # a daemon: what only reads must not keep a process from ending
        threading.Thread(target=look, name="inventory", daemon=True).start()

    def _accepted(self) -> Policy | None:
        with self._context.store.read() as session:
            return policies.current(session)

    def _take_up(self, look: Look) -> None:
        self._before = look.signature
        if look.read is None:
            return
        self._seen = look.signature
        if isinstance(look.read, Exception):
            self._refuse(look.read)
        else:
            self._accept(*look.read)

    def _decides(self, session: Session) -> bool:
        """Raises ``LeaseLostError`` when ``holder`` does not decide any more. Without one: is there no engine to decide?"""
        if self._holder is not None:
            demand_lease(session, self._holder)
            return True
        free = lease.free(session, LEASE)
        if not free:
            log.warning("another engine decides; the inventory in %s is taken up when that one has ended", self._folder)
        return free

    def _accept(self, policy: Policy, document: str) -> None:
        self._refused = None
        with self._context.store.write() as session:
            if not self._decides(session):
                return
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

    def _refuse(self, error: Exception) -> None:
        """Tell the operators, once for each bad version: neither every poll nor a process that starts again repeats it."""
        mistakes = _mistakes(error, self._folder)
        all_of_them = "\n".join(mistakes)
        log.error("the inventory in %s is refused, the accepted one goes on holding:\n%s", self._folder, all_of_them)
        if all_of_them == self._refused:
            return
        self._refused = all_of_them
        with self._context.store.write() as session:
            if not self._decides(session):
                return
            now_s = self._context.clock.now_s()
            # after a good version the same files are news again
            files = hashlib.sha256(repr((self._seen, policies.accepted_s(session))).encode()).hexdigest()[:32]
            said = _told(mistakes, self._folder)
            event = ev.InventoryRefused(id=f"refused/{files}", at_s=now_s, error=said, mistakes=len(mistakes))
            inbox.insert(session, event)


def refused(session: Session) -> ev.InventoryRefused | None:
    """The refusal of files that are newer than the accepted version, until a good one was read."""
    told = select(Inbox).where(Inbox.host == "", Inbox.kind == ev.InventoryRefused.__name__).order_by(col(Inbox.seq).desc())
    row, accepted_s = session.exec(told.limit(1)).first(), policies.accepted_s(session)
    if row is None or accepted_s is None or row.at_s < accepted_s:
        return None
    return decode(ev.InventoryRefused, row.payload)


def _look(folder: Path, load: Load, wanted: Callable[[Signature], bool]) -> Look:
    """Look at the folder, and read it if that is ``wanted`` of what was found."""
    signature = _signature(folder)
    return Look(signature, _read(folder, load) if wanted(signature) else None)


def _read(folder: Path, load: Load) -> Loaded | Exception:
    try:
        policy = load(folder)
        return policy, encode(policy)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with new files, the accepted version goes on holding
        return error


def _signature(folder: Path) -> Signature:
    closed: list[OSError] = []
    files = inventory.yaml_files(folder, closed.append)
    found = [(str(error.filename), -(error.errno or 0), 0) for error in closed]
    for file in files:
        try:
            status = file.stat()
        except OSError as error:
            found.append((str(file), -(error.errno or 0), 0))
        else:
            found.append((str(file), status.st_ctime_ns, status.st_size))
    return tuple(found)


def _mistakes(error: Exception, folder: Path) -> list[str]:
    """What is wrong, in words for the person who wrote the files. Of a failure that is not theirs only its kind is told, as what it
    says may repeat a secret."""
    match error:
        case InventoryError():
            return [str(mistake) for mistake in error.mistakes]
        case OSError():
            what, right = error.strerror or type(error).__name__, "would be right: files that this user may read"
            return [f"{error.filename or folder}: cannot be read ({what}), {right}"]
    log.error("hikeshi failed at the inventory: %s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))
    return [f"{folder}: hikeshi itself failed at it ({type(error).__name__}), the log of its engine says where"]


def _told(mistakes: list[str], folder: Path) -> str:
    """As many mistakes as fit into one fact of a message, and where the others are to be had."""
    said: list[str] = []
    for mistake in (one.removeprefix(str(folder)).lstrip("/: ") for one in mistakes):
        if said and sum(map(len, said)) + len(mistake) > TOLD_CHARS:
            break
        said.append(mistake)
    more = len(mistakes) - len(said)
    return "; ".join([*said, *([f"{more} more, listed by `hikeshi check`"] if more else [])])


def _forget_former(session: Session, before: Policy | None, policy: Policy) -> None:
    """A check that comes back one day, or comes to another customer, begins anew: what it was before is no news then."""
    owners, former = policy.owners(), before.owners() if before is not None else {}
    for row in session.exec(select(VerdictRow)).all():
        if row.check not in owners or owners[row.check] != former.get(row.check, owners[row.check]):
            session.delete(row)
