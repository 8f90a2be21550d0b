"""Shows the work in Prefect: a flow run for each run and report, created by HTTP with the command's key, and what
operators do to it there brought back as events. Nothing here is needed for recovery: what no flow run claims, hands does.
"""

import logging
from collections.abc import Sequence

from sqlmodel import col, select

from domain.commands import Report, Run
from engine.context import Context
from engine.flow_runs import hold_cancelled, tags
from engine.prefect_api import ApiUnavailable, PrefectApi, PrefectError
from store import policies
from store.codec import decode_command
from store.tables import CommandRow, IncidentRow

log = logging.getLogger(__name__)

FLOWS = {"Run": "first-line/first-line", "Report": "incident-report/incident-report"}
"""Which deployment performs which kind of command."""
BACKOFF_S = 2.0
REFUSED_BACKOFF_S = 30.0
RECONCILE_S = 2.0
REMEMBER_S = 86_400.0
"""Flow runs are asked after for so long."""


class Dispatcher:
    """One pass of ``once`` creates what is missing and looks after what runs. Used from one thread."""

    def __init__(self, context: Context, api: PrefectApi) -> None:
        self._context = context
        self._api = api
        self._not_before_s = 0.0
        self._reconcile_at_s = 0.0

    def once(self) -> None:
        """Create and look after, unless Prefect was away or refused a moment ago. Raises nothing of Prefect's."""
        now_boot_s = self._context.clock.boottime_s()
        if now_boot_s < self._not_before_s:
            return
        try:
            for row in self._undispatched():
                self._create(row)
            if now_boot_s >= self._reconcile_at_s:
                self._reconcile_at_s = now_boot_s + RECONCILE_S
                self._reconcile()
        except ApiUnavailable as error:
            # no alarm: recovery does not wait for Prefect, hands takes over what stays unclaimed
            log.info("Prefect is away, hands takes over: %s", error)
            self._not_before_s = now_boot_s + BACKOFF_S
        except PrefectError as error:
            log.error("Prefect refuses what the engine asks of it; hands does the work meanwhile: %s", error)
            self._not_before_s = now_boot_s + REFUSED_BACKOFF_S

    def _undispatched(self) -> Sequence[CommandRow]:
        with self._context.store.read() as session:
            return session.exec(
                select(CommandRow)
                .where(
                    col(CommandRow.kind).in_(FLOWS),
                    col(CommandRow.done_s).is_(None),
                    col(CommandRow.flow_run).is_(None),
                    col(CommandRow.claimed_by).is_(None),
                    col(CommandRow.prefer).is_(None),
                )
                .order_by(col(CommandRow.seq))
            ).all()

    def _create(self, row: CommandRow) -> None:
        command = decode_command(row.kind, row.payload)
        if not isinstance(command, Run | Report):
            raise TypeError(f"{row.key} is a {row.kind}, which no flow performs")
        title = f"{command.incident or 'request'} {command.host}"
        try:
            run_id = self._api.create_run(
                FLOWS[row.kind],
                parameters={"command": row.key},
                tags=self._tags(command),
                name=title if isinstance(command, Run) else f"{title} report",
                idempotency_key=row.key,
            )
        except ApiUnavailable:
            raise
        except PrefectError:
            log.exception("Prefect refused a flow run for %s; hands will do it", row.key)
            run_id = "refused"
        with self._context.store.write() as session:
            found = session.exec(select(CommandRow).where(CommandRow.key == row.key)).one()
            # a later engine may have been here: the run that it made stands, by which a cancelled one is known
            found.flow_run = found.flow_run or run_id

    def _tags(self, command: Run | Report) -> list[str]:
        with self._context.store.read() as session:
            policy = policies.current(session)
            incident = session.get(IncidentRow, command.incident) if command.incident else None
        return tags(policy, command.host, command.incident, incident.level if incident is not None else None)

    def _reconcile(self) -> None:
        """Of what was cancelled in the UI: what the executor has killed it has said itself, but a run that had not begun it never
        sees."""
        since_s = self._context.clock.now_s() - REMEMBER_S
        with self._context.store.read() as session:
            runs = session.exec(
                select(CommandRow.flow_run).where(
                    col(CommandRow.kind) == "Run",
                    col(CommandRow.flow_run).is_not(None),
                    col(CommandRow.flow_run) != "refused",
                    col(CommandRow.done_s).is_(None),
                    col(CommandRow.created_s) > since_s,
                )
            ).all()
        for run_id, state in self._api.states(run_id for run_id in runs if run_id is not None).items():
            if state.type in {"CANCELLED", "CANCELLING"}:
                hold_cancelled(self._context, run_id)
