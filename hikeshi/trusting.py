"""``hikeshi runbook``: how each runbook stands, and what people say of it."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import runbooks
from domain.trust import ON_REQUEST, PROJECT, Rate
from engine import history, trusting
from engine.context import open_context
from engine.requests import current_policy
from engine.trusting import SHORT, Stand
from hikeshi import steps
from hikeshi.asking import NOBODY, asking
from hikeshi.exits import Exit
from hikeshi.show import out_json, out_table, refuse
from remediation import ACTIONS


def approve(runbook: str, *, by: str, reason: str) -> Exit:
    """Let the runbook act on its own, as it is now."""
    if not by:
        return refuse(NOBODY, Exit.USAGE)
    answered = asking(lambda context: trusting.request_approval(context, runbook=runbook, by=by, reason=reason))
    if answered is Exit.OK:
        with closing(open_context()) as context:
            passed, left = trusting.passed_with(context, runbook), trusting.never_rehearsed(context, runbook)
        print(f"it passed with: {', '.join(passed)}")
        if left:
            print(f"no rehearsal has reached: {', '.join(left)}")
    return answered


def revoke(runbook: str, *, by: str, reason: str) -> Exit:
    """Take its approval back."""
    if not by:
        return refuse(NOBODY, Exit.USAGE)
    return asking(lambda context: trusting.request_revocation(context, runbook=runbook, by=by, reason=reason))


def raise_again(runbook: str, *, customer: str, by: str, reason: str) -> Exit:
    """Let one that was lowered for a customer act on its own there again."""
    if not by:
        return refuse(NOBODY, Exit.USAGE)
    return asking(lambda c: trusting.request_raise(c, runbook=runbook, customer=customer, by=by, reason=reason))


def show_list(json: bool) -> Exit:
    """Every runbook, who approved it, what it may do for whom, and how often its cures lasted."""
    with closing(open_context()) as context:
        found, zone = trusting.stands(context), context.settings.zone
    if json:
        out_json([_plain(stand) for stand in found])
        return Exit.OK
    rows = [
        [
            stand.procedure.id,
            stand.procedure.version[:SHORT],
            _said_of_approval(stand, zone),
            _joined(stand.modes),
            _said_of_rates(stand),
        ]
        for stand in found
    ]
    out_table("Runbooks", ["runbook", "version", "approved", "mode by customer", "cures that lasted"], rows)
    for stand in found:
        _print_lowered(stand, zone)
    return Exit.OK


def show_one(runbook: str, json: bool) -> Exit:
    """One runbook: its steps, and all that is on record of it."""
    with closing(open_context()) as context:
        trusting.known_procedure(current_policy(context), runbook)
        stand = next(one for one in trusting.stands(context) if one.procedure.id == runbook)
        zone = context.settings.zone
    if json:
        out_json({**_plain(stand), "steps": [steps.plain(step) for step in stand.procedure.steps]})
        return Exit.OK
    print(f"{runbook}: {stand.procedure.title.get('en', '')}\nversion {stand.procedure.version}")
    print(f"approved: {_said_of_approval(stand, zone)}")
    print(f"mode by customer: {_joined(stand.modes)}\ncures that lasted: {_said_of_rates(stand)}")
    _print_lowered(stand, zone)
    procedure = stand.procedure
    print(f"at most {procedure.budget_s:g} s, power switched at most {procedure.max_power_actions} times in an incident")
    shipped = runbooks.load(ACTIONS).get(runbook)
    print("shipped with hikeshi" if shipped is not None and shipped.version == procedure.version else "the inventory's own")
    out_table("Steps", steps.COLUMNS, map(steps.row, procedure.steps))
    out_table("Said of it", ["time", "version", "who", "what", "why"], _said(stand, zone))
    made = [
        [
            history.local(row.at_s, zone),
            row.version[:SHORT],
            row.fault,
            "passed" if row.passed else "failed",
            row.by or "-",
            row.path or "-",
        ]
        for row in stand.rehearsals
    ]
    out_table("Rehearsals", ["time", "version", "fault", "verdict", "by", "page"], made)
    return Exit.OK


def _plain(stand: Stand) -> dict[str, Any]:
    return {
        "runbook": stand.procedure.id,
        "version": stand.procedure.version,
        "approved": stand.approved,
        "only_on_request": stand.procedure.id in ON_REQUEST,
        "approved_by_project": stand.shipped is not None,
        "modes": stand.modes,
        "rates": {customer: _plain_rate(rate) for customer, rate in stand.rates.items()},
        "lowered": [row.model_dump() for row in stand.lowered],
        "approvals": [row.model_dump() for row in stand.approvals],
        "rehearsals": [row.model_dump() for row in stand.rehearsals],
    }


def _plain_rate(rate: Rate) -> dict[str, Any]:
    return {
        "fixed": rate.fixed,
        "not_fixed": rate.not_fixed,
        "unknown": rate.unknown,
        "refailed": rate.refailed,
        "verified": rate.verified,
    }


def _said_of_approval(stand: Stand, zone: str) -> str:
    """Who answers for the version that holds now."""
    if not stand.approved and stand.procedure.id in ON_REQUEST:
        return "only on request: people run it by name"
    if not stand.approved:
        return "no: it only records what it would do"
    mine = [row for row in stand.approvals if row.version == stand.procedure.version and row.revoked_s is None]
    if mine:
        return f"by {mine[-1].approved_by}, {history.local(mine[-1].approved_s or 0.0, zone)}"
    return f"as shipped with {stand.shipped.release}" if stand.shipped is not None else "yes"


def _said_of_rates(stand: Stand) -> str:
    said = {customer: f"{rate.fixed} of {rate.runs}" for customer, rate in stand.rates.items()}
    return _joined(said) if said else "no runs yet"


def _joined(said: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {what}" for name, what in said.items()) or "no host names it"


def _print_lowered(stand: Stand, zone: str) -> None:
    for row in stand.lowered:
        since = history.local(row.lowered_s, zone)
        print(f"! {row.runbook} is lowered to shadow for {row.customer} since {since}: {row.check} failed again ({row.incident})")


def _said(stand: Stand, zone: str) -> list[list[str]]:
    rows = []
    for row in stand.approvals:
        if row.approved_by != PROJECT:
            rows.append([history.local(row.approved_s or 0.0, zone), row.version[:SHORT], row.approved_by, "approved", row.reason])
        if row.revoked_s is not None:
            rows.append(
                [history.local(row.revoked_s, zone), row.version[:SHORT], row.revoked_by or "-", "revoked", row.revoke_reason]
            )
    return rows
