"""What happened, read from where it can be seen: the store's records, the sink's mails, the Prefect server, the host."""

import email
import email.policy
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func
from sqlmodel import col, select

from domain.commands import Notify
from domain.procedure import Effect
from domain.reasons import Code
from engine import history
from engine.context import Context
from engine.own_secret import OwnSecretError
from engine.own_secret import read as read_own_secret
from engine.prefect_api import PrefectApi, PrefectError
from hikeshi.demo.screen import Screen
from notify.mail import message_id
from remediation.checked import checked
from remediation.fsck import OUTPUT
from store import policies
from store.codec import decode
from store.db import StoreError
from store.tables import Attempt, CommandRow, Decision, FindingRow, Inbox, VerdictRow

SPEAKER = {
    Code.OPENED: "watch",
    Code.OPENED_IN_PAUSE: "watch",
    Code.CLEARED: "watch",
    Code.STEP_DONE: "act",
    Code.REPORT_WRITTEN: "report",
}


ORDERS = {"cycle": ("off", "on"), "reset": ("reset",), "on": ("on",), "off": ("off",)}
"""What a BMC is told for each order of ours: a cycle is two."""


class PowerSteps(NamedTuple):
    """The runbook's steps that switched the power, in order, and what a BMC must have been told for them."""

    done: list[str]
    orders: Counter[str]


class Record:
    """Follows everything while the story is played; ``pump`` tells the screen what is new."""

    def __init__(self, context: Context, mails: Path, screen: Screen, sender: str) -> None:
        self._context = context
        self._mails = mails
        self._screen = screen
        self._sender = sender
        self._seen_decision = 0
        self._seen_mails: set[str] = set()
        self._flow_states: dict[str, str] = {}
        self._api: PrefectApi | None = None

    def pump(self) -> None:
        """Tell all that has happened since the last call."""
        if not self.there():
            return
        for line in self._new_lines():
            if line.code not in history.QUIET and line.code is not Code.POLICY_CHANGED:
                text = line.text.replace(f"{self._context.settings.reports}/", "")
                self._screen.say(SPEAKER.get(line.code, "decide"), f"{text} [{line.spec}]")
        for mail in sorted(self._mails.glob("*.eml")):
            if mail.name not in self._seen_mails:
                self._seen_mails.add(mail.name)
                self._screen.say("mail", _headline(mail))
        for run_id, (name, state) in self.flow_runs().items():
            if self._flow_states.get(run_id) != state:
                self._flow_states[run_id] = state
                self._screen.say("prefect", f"flow run {name}: {state.split('/')[1]}")

    def _new_lines(self) -> list[history.Line]:
        with self._context.store.read() as session:
            rows = session.exec(select(Decision).where(col(Decision.seq) > self._seen_decision).order_by(col(Decision.seq))).all()
            lines = [line for row in rows for line in history.of_decision(row, "en", "Asia/Tokyo")]
        self._seen_decision = max([self._seen_decision, *(row.seq or 0 for row in rows)])
        return lines

    def decision_mark(self) -> int:
        """The number of the last decision so far."""
        with self._context.store.read() as session:
            return session.exec(select(func.max(col(Decision.seq)))).one() or 0

    def codes(self, mark: int) -> Counter[str]:
        """How often each reason was given since a mark."""
        with self._context.store.read() as session:
            rows = session.exec(select(Decision).where(col(Decision.seq) > mark)).all()
        return Counter(reason["code"] for row in rows for reason in row.reasons)

    def undecided(self) -> int:
        with self._context.store.read() as session:
            return len(session.exec(select(Inbox.seq).where(~col(Inbox.decided))).all())

    def there(self) -> bool:
        """Is there a store of ours yet, with an accepted inventory?"""
        try:
            with self._context.store.read() as session:
                return policies.current(session) is not None
        except StoreError:
            return False

    def verdicts(self) -> dict[str, str]:
        with self._context.store.read() as session:
            return {row.check: row.verdict for row in session.exec(select(VerdictRow))}

    def commands_open(self) -> int:
        with self._context.store.read() as session:
            return len(session.exec(select(CommandRow.seq).where(col(CommandRow.done_s).is_(None))).all())

    def runs_by(self) -> list[str]:
        """Who performed the runs so far."""
        with self._context.store.read() as session:
            rows = session.exec(select(CommandRow.claimed_by).where(CommandRow.kind == "Run").order_by(col(CommandRow.seq)))
            return [name or "nobody" for name in rows]

    def actions(self) -> int:
        """Actions admitted so far, over all hosts."""
        with self._context.store.read() as session:
            return len(session.exec(select(Attempt.id).where(Attempt.action == "restart_service")).all())

    def power_steps(self, host: str) -> PowerSteps:
        """The power actions on a host that were admitted so far."""
        query = select(Attempt).where(Attempt.host == host, Attempt.effect == Effect.POWER, Attempt.code == Code.ADMITTED)
        with self._context.store.read() as session:
            rows = session.exec(query.order_by(col(Attempt.intent_s))).all()
        return PowerSteps([row.step for row in rows], Counter(order for row in rows for order in ORDERS[row.before["order"]]))

    def lost_files(self, folder: str) -> frozenset[str]:
        """The names of the files in a folder that no repair could save, by what was kept of the repairs."""
        with self._context.store.read() as session:
            texts = session.exec(select(FindingRow.text).where(FindingRow.name == OUTPUT)).all()
        lost = [Path(name) for text in texts for item in checked(text) for name in item.lost]
        return frozenset(path.name for path in lost if str(path.parent) == folder)

    def decided(self, host: str, mark: int) -> int:
        """How many decisions about a host changed anything since a mark."""
        with self._context.store.read() as session:
            rows = session.exec(select(Decision).where(col(Decision.seq) > mark, Decision.host == host)).all()
        return sum(reason["code"] not in history.QUIET for row in rows for reason in row.reasons)

    def mails(self) -> Counter[tuple[str, str]]:
        """The mails that arrived, as ``(message, recipient)``; one that no command asked for is ``("unknown", …)``."""
        with self._context.store.read() as session:
            rows = session.exec(select(CommandRow).where(CommandRow.kind == "Notify")).all()
        notifies = [decode(Notify, row.payload) for row in rows]
        known = {message_id(notify.key, self._sender): (str(notify.message), notify.recipient) for notify in notifies}
        return Counter(known.get(_identity(mail), ("unknown", mail.name)) for mail in self._mails.glob("*.eml"))

    def flow_runs(self) -> dict[str, tuple[str, str]]:
        """``id: (what it does, its state)`` of the flow runs that the engine created; a state is ``type/name``."""
        with self._context.store.read() as session:
            rows = session.exec(select(CommandRow).where(col(CommandRow.flow_run).is_not(None))).all()
        named = {row.flow_run: f"{row.kind} {row.incident or row.host}" for row in rows if row.flow_run not in (None, "refused")}
        if not named:
            return {}
        try:
            states = self._prefect().states([run_id for run_id in named if run_id is not None])
        except PrefectError:
            return {}  # the server is away: the screen shows it when it is back
        return {run_id: (named[run_id], f"{state.type}/{state.name}") for run_id, state in states.items()}

    def prefect_ready(self) -> bool:
        """Does the server answer, and has the executor told it of its flows?"""
        try:
            self._prefect().deployment_id("first-line/first-line")
        except (PrefectError, OwnSecretError, OSError):
            return False  # not yet
        return True

    def _prefect(self) -> PrefectApi:
        if self._api is None:
            settings = self._context.settings
            self._api = PrefectApi(f"{settings.prefect_url}/api", read_own_secret(settings.prefect_credential))
        return self._api


def _parsed(path: Path) -> email.message.EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)  # type: ignore[return-value,unused-ignore]


def _identity(path: Path) -> str:
    return str(_parsed(path)["Message-ID"])


def _headline(path: Path) -> str:
    mail = _parsed(path)
    return f"{mail['To'].addresses[0].addr_spec}: {mail['Subject']}"
