"""Commands that ask the engine for something. They insert events and print what the engine made of them."""

import sys
import uuid
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from domain.model import Policy
from domain.pauses import Pause, Repeat, no_such_day
from domain.reasons import SPEC, Code
from engine import holds, requests, run_requests, trusting
from engine.context import Context, open_context
from engine.requests import Answer, RequestError
from engine.settings import stop_file
from hikeshi import stopping
from hikeshi.exits import Exit
from hikeshi.show import out_json, refuse
from notify.reasons import explain
from store.db import StoreError

NOBODY = "say who you are: --by OPERATOR, or HIKESHI_OPERATOR in the environment (and why: -m)"
ALL_UP = "all its checks are up; it is done all the same"


def take(incident: str, by: str) -> Exit:
    """Acknowledge an incident."""
    return asking(
        lambda context: requests.acknowledge(context, incident=incident, by=by, via="cli"), otherwise=f"{by} has {incident} already"
    )


def write_note(incident: str, text: str, by: str) -> Exit:
    """Add a note to an incident's record."""
    return asking(lambda context: requests.add_note(context, incident=incident, by=by, text=text))


def say_rescued(host: str, by: str, reason: str) -> Exit:
    """Say that a host has left its rescue system."""
    return asking(lambda context: requests.say_own_system_runs(context, host=host, by=by, reason=reason))


def hold(host: str | None, *, everything: bool, by: str, reason: str) -> Exit:
    """Stop every action on a host, or on all by the stop file, which needs neither database nor Prefect."""
    if everything == (host is not None):
        return refuse("name one host, or --all", Exit.USAGE)
    if everything:
        line = stopping.stop(by, reason)
        print(f"nothing is done on any host while {stop_file()} is there; it says: {line}")
        if not by:
            print(f"hikeshi: {NOBODY}", file=sys.stderr)
        return Exit.OK
    if not by:
        return refuse(NOBODY, Exit.USAGE)

    def ask(context: Context) -> Answer:
        before = holds.is_held(context, host)
        answer = holds.request_hold(context, host=host, by=by, reason=reason)
        if before:
            print(f"{host} was on hold already; one release ends all holds on it")
        return answer

    return asking(ask)


def release(host: str | None, *, everything: bool, by: str, reason: str) -> Exit:
    """End a hold; with ``everything`` the stop file and a hold on all."""
    if everything == (host is not None):
        return refuse("name one host, or --all", Exit.USAGE)
    if not by:
        return refuse(NOBODY, Exit.USAGE)
    path = stop_file()
    stopped = stopping.said(path) if everything else None
    if stopped is None:
        return asking(lambda c: holds.request_hold(c, host=host, by=by, reason=reason, release=True))
    return _remove(path, stopped, by=by, reason=reason)


def _remove(path: Path, stopped: str, *, by: str, reason: str) -> Exit:
    """Take the stop file away, and leave a record of what it said where there is a store to keep it."""
    try:
        with closing(open_context()) as context:
            if not requests.has_policy(context):
                raise StoreError("no inventory has been accepted yet")
            held = holds.is_held(context, None)
            event = holds.release_of_stop_file(context, by=by, reason=reason, said=stopped)
            path.unlink()
            print(f"{path} is gone")
            answer = requests.answer_to(context, event)
            if not answer.decided and held:
                return refuse(f"{requests.UNANSWERED}; until then the hold on every host stays", Exit.UNANSWERED)
            _print_reasons(answer, context.settings.zone)
    except (StoreError, SQLAlchemyError) as error:
        path.unlink(missing_ok=True)
        print(f"{path} is gone")
        print(f"hikeshi: no record of that could be left: {error}", file=sys.stderr)
    return Exit.OK


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A maintenance pause as it was typed."""

    host: str | None
    customer: str | None
    check: str | None
    start: str
    minutes: float
    repeat: str
    reason: str


def pause(window: Window, *, by: str, cancel: str | None) -> Exit:
    """Set a maintenance pause, or cancel one."""
    if cancel is not None:
        return asking(lambda context: requests.cancel_pause(context, pause=cancel, by=by))
    if sum(scope is not None for scope in (window.host, window.customer, window.check)) != 1:
        return refuse("name exactly one of --host, --customer, --check", Exit.USAGE)
    if window.repeat not in set(Repeat):
        return refuse(f"--repeat is {window.repeat!r}, must be one of {', '.join(Repeat)}", Exit.USAGE)

    def ask(context: Context) -> Answer:
        wanted = _pause(window, by, context)
        answer = requests.request_pause(context, pause=wanted, by=by)
        print(f"pause {wanted.id}: from {wanted.start} {wanted.zone} for {window.minutes:g} min")
        return answer

    return asking(ask)


def _pause(window: Window, by: str, context: Context) -> Pause:
    host = window.host or (window.check.split("/")[0] if window.check else None)
    zone = _zone(requests.current_policy(context), host, window.customer)
    return Pause(
        id=f"pause-{uuid.uuid4().hex[:6]}",
        start=_local_start(window.start, zone, context.clock.now_s()),
        duration_s=window.minutes * 60,
        zone=zone,
        repeat=Repeat(window.repeat),
        customer=window.customer,
        host=host,
        check=window.check,
        reason=window.reason,
        by=by,
    )


def run_runbook(runbook: str, host: str, *, service: str | None, by: str, dry_run: bool, reason: str, json: bool) -> Exit:
    """Run a runbook, or print what it would do."""
    if not dry_run and not by:
        return refuse(NOBODY, Exit.USAGE)
    if not dry_run:

        def request(context: Context) -> Answer:
            up = run_requests.all_up(context, runbook=runbook, host=host, service=service)
            answer = run_requests.request_run(context, runbook=runbook, host=host, service=service, by=by, reason=reason)
            if up and answer.granted:
                print(f"! {ALL_UP}", file=sys.stderr)
            return answer

        return asking(
            request,
            json=json,
            unanswered=run_requests.RUN_UNANSWERED,
        )
    with closing(open_context()) as context:
        lines = run_requests.dry_run(context, runbook=runbook, host=host, service=service)
        customer = requests.current_policy(context).hosts[host].customer
        if (caution := trusting.not_approved(context, runbook, customer)) is not None:
            print(f"! {caution}", file=sys.stderr)
        if run_requests.all_up(context, runbook=runbook, host=host, service=service):
            print(f"! {ALL_UP}", file=sys.stderr)
    if json:
        out_json(lines)
    else:
        print("\n".join(lines))
    return Exit.OK


def asking(
    ask: Callable[[Context], Answer],
    *,
    json: bool = False,
    otherwise: str | None = None,
    unanswered: str = requests.UNANSWERED,
) -> Exit:
    """Ask, and print the answer in words; ``otherwise`` is said where nothing was left to grant."""
    with closing(open_context()) as context:
        answer = ask(context)
        zone = context.settings.zone
    if json:
        out_json({"decided": answer.decided, "granted": answer.granted, "reasons": answer.reasons, "commands": answer.commands})
    if not answer.decided:
        return refuse(unanswered, Exit.UNANSWERED)
    if not answer.granted and otherwise is not None:
        print(otherwise)
        return Exit.OK
    if not json:
        _print_reasons(answer, zone)
    return Exit.OK if answer.granted else Exit.REFUSED


def _print_reasons(answer: Answer, zone: str) -> None:
    """Each once: what concerns many hosts is decided for each of them."""
    for line in dict.fromkeys(
        f"{explain(Code(code), facts, 'en', zone)} [{code}, {SPEC[Code(code)]}]" for code, facts in answer.reasons
    ):
        print(line)


def _zone(policy: Policy, host: str | None, customer: str | None) -> str:
    """The customer's: windows are agreed in its local time."""
    name = requests.known_host(policy, host).customer if host is not None else requests.known_customer(policy, customer or "")
    return policy.customers[name].zone


def _local_start(start: str, zone: str, now_s: float) -> str:
    """The pause's first local wall time; empty means now."""
    if not start:
        return datetime.fromtimestamp(now_s, UTC).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M:%S")
    try:
        parsed = datetime.fromisoformat(start)
    except ValueError as error:
        if no_such_day(start):
            raise RequestError(f"--start is {start!r}, and that day does not exist; would be right: 2026-01-31T22:00") from error
        raise RequestError(f"--start is {start!r}, must be a local time like 2026-01-31T22:00") from error
    if parsed.tzinfo is not None:
        raise RequestError(f"--start is {start!r}: leave the offset out, it is local time in {zone}")
    return parsed.strftime("%Y-%m-%dT%H:%M:%S")
