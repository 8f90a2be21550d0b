"""Commands that only look. What they print as JSON keeps its keys; times in it are seconds since 1970 UTC."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from domain import mass
from domain.model import DEFAULT_WATCHER, Language, Mode, Policy, effective_mode
from domain.pauses import Pause, boundary_s
from domain.wording import plain
from engine import families, history, listening
from engine.context import Context, open_context
from engine.inventory_source import refused
from engine.links import report_url
from engine.tick import LEASE, SYSTEM
from engine.watchers import NEVER_S, expected
from hikeshi import delivery, secrecy, stopping
from hikeshi.exits import Exit
from hikeshi.possible import not_possible, without_anchors
from hikeshi.show import counted, out_json, out_table, refuse
from store import inbox, overlay, policies
from store.db import lease_now_s
from store.tables import CommandRow, HostRow, IncidentRow, Lease, VerdictRow, WatcherRow

NEWEST = 50
MODES_SHOWN = 12


def check_inventory(folder: Path, json: bool) -> Exit:
    """List every mistake of an inventory, or say what it holds."""
    import inventory
    from engine.inventory_source import registries

    try:
        accepted = inventory.load(folder, registries())
    except inventory.InventoryError as error:
        if json:
            out_json({"ok": False, "mistakes": [str(mistake) for mistake in error.mistakes]})
        else:
            print(error, file=sys.stderr)
        return Exit.BAD_INPUT
    policy = accepted.policy
    checks = sum(len(host.checks) for host in policy.hosts.values())
    counts = {"customers": len(policy.customers), "hosts": len(policy.hosts), "checks": checks}
    warnings = [*secrecy.unreadable(policy, env=True), *not_possible(policy), *without_anchors(policy)]
    if json:
        out_json({"ok": True, "version": policy.version, **counts, "modes": _modes(policy), "warnings": warnings})
        return Exit.OK
    print(f"good: {', '.join(counted(number, what) for what, number in counts.items())}; version {policy.version[:12]}")
    print(_said_of_modes(_modes(policy)))
    for line in warnings:
        print(f"! {plain(line)}")
    return Exit.OK


def show_report_url(host: str, check: str) -> Exit:
    """Where a job reports in for a check."""
    with closing(open_context()) as context:
        with context.store.read() as session:
            policy = policies.current(session)
        try:
            found = listening.known(policy, f"{host}/{check}")
        except listening.UnknownCheckError as error:
            return refuse(str(error), Exit.BAD_INPUT)
        print(report_url(context.settings, found.id))
    return Exit.OK


def show_status(json: bool) -> Exit:
    """What burns, what is done, what is stopped, who is waited for."""
    with closing(open_context()) as context:
        found = _status(context)
        zone = context.settings.zone
    if json:
        out_json(found)
        return Exit.OK
    print(_said_of_inventory(found))
    if found["set_aside"]:
        print(f"events set aside, as they could not be decided: {found['set_aside']} (hikeshi explain)")
    if found["inventory"] is not None:
        print(_said_of_modes(found["modes"]))
    undelivered = [delivery.said_of_undelivered(found["undelivered"], zone)] if found["undelivered"] else []
    for line in [*_said_of_refusal(found, zone), *found["missing"], *undelivered, *found["unreadable"], *found["stopped"]]:
        print(f"! {plain(line)}")
    _table_of_incidents("Open incidents", found["incidents"], zone)
    if found["behind"]:
        rows = [[parent, str(len(hosts)), ", ".join(hosts)] for parent, hosts in found["behind"].items()]
        out_table("Unreachable behind what is down: nobody is told of each", ["parent", "hosts", "which"], rows)
    if found["not_up"]:
        rows = [
            [item["check"], item["verdict"], history.local(item["since_s"], zone), item["detail"] or "-"]
            for item in found["not_up"]
        ]
        out_table("Checks that are not up", ["check", "verdict", "since", "detail"], rows)
    if found["waiting"]:
        out_table(
            "Commands on their way",
            ["command", "held by", "tries", "last word"],
            [[item["key"], item["claimed_by"] or "-", item["tries"], item["detail"] or "-"] for item in found["waiting"]],
        )
    return Exit.OK


def _said_of_inventory(found: Mapping[str, Any]) -> str:
    if found["inventory"] is None:
        return "no inventory accepted yet (hikeshi up INVENTORY)"
    size = f"{counted(found['hosts'], 'hosts')}, {counted(found['checks'], 'checks')}"
    return f"inventory {found['inventory']}   automation {found['automation']}   {size}"


def _status(context: Context) -> dict[str, Any]:
    with context.store.read() as session:
        policy = policies.current(session)
        return {
            "inventory": policy.version[:12] if policy is not None else None,
            "refused": _refused(session),
            "automation": str(policy.mode) if policy is not None else None,
            "modes": _modes(policy) if policy is not None else {},
            "hosts": len(policy.hosts) if policy is not None else 0,
            "checks": sum(len(host.checks) for host in policy.hosts.values()) if policy is not None else 0,
            "missing": _missing(context, session),
            "stopped": _stopped(context, session, policy),
            "undelivered": delivery.undelivered(session),
            "unreadable": secrecy.unreadable(policy, env=False) if policy is not None else [],
            "incidents": _incidents(session, everything=False, host=None),
            "behind": families.behind(session, policy) if policy is not None else {},
            "not_up": [
                {"check": row.check, "verdict": row.verdict, "since_s": row.since_s, "detail": row.detail}
                for row in session.exec(select(VerdictRow).where(VerdictRow.verdict != "up").order_by(col(VerdictRow.check)))
            ],
            "waiting": [
                {"key": row.key, "claimed_by": row.claimed_by, "tries": row.tries, "detail": row.detail}
                for row in session.exec(select(CommandRow).where(col(CommandRow.done_s).is_(None)).order_by(col(CommandRow.seq)))
            ],
            "set_aside": inbox.count_set_aside(session),
            "watchers": [row.model_dump() for row in session.exec(select(WatcherRow))],
        }


def _modes(policy: Policy) -> dict[str, dict[str, int]]:
    """How many hosts of each customer are in which effective mode: the strictest of engine, customer and host."""
    found: dict[str, Counter[str]] = {customer: Counter() for customer in sorted(policy.customers)}
    for host in policy.hosts.values():
        found[host.customer][str(effective_mode(policy, host))] += 1
    return {customer: {mode: counts[mode] for mode in Mode if counts[mode]} for customer, counts in found.items()}


def _said_of_modes(modes: Mapping[str, Mapping[str, int]]) -> str:
    """The first customers one by one, so that a big inventory stays one line."""
    said = [
        f"{customer} {', '.join(f'{count} {mode}' for mode, count in counts.items()) or 'no hosts'}"
        for customer, counts in list(modes.items())[:MODES_SHOWN]
    ]
    more = [f"{len(modes) - MODES_SHOWN} more customers"] if len(modes) > MODES_SHOWN else []
    return f"hosts by the mode that counts: {'; '.join([*said, *more]) or 'none'}"


def _refused(session: Session) -> dict[str, Any] | None:
    """The newer files that were refused."""
    event = refused(session)
    if event is None:
        return None
    return {"since_s": event.at_s, "mistakes": event.mistakes, "folder": policies.source(session)}


def _said_of_refusal(found: Mapping[str, Any], zone: str) -> list[str]:
    told = found["refused"]
    if told is None:
        return []
    return [
        f"inventory {found['inventory']} in force; newer files refused since {history.local(told['since_s'], zone)}: "
        f"{told['mistakes']} mistake{'s' if told['mistakes'] != 1 else ''}, see: hikeshi check {told['folder']}"
    ]


def _missing(context: Context, session: Session) -> list[str]:
    """Who should be at work and is not."""
    lines = []
    lease = session.get(Lease, LEASE)
    if lease is None or lease.until_s <= lease_now_s(session):
        lines.append("no engine is running: nothing is decided (hikeshi up)")
    now_s, zone = context.clock.now_s(), context.settings.zone
    for name, seen_s in expected(session, policies.current(session)).items():
        start = "hikeshi up" if name == DEFAULT_WATCHER else f"hikeshi watcher {name}"
        if seen_s == NEVER_S:
            lines.append(f"{name} was never heard of: nothing is watched by it ({start})")
        elif now_s - seen_s > context.settings.watcher_silent_s:
            lines.append(f"{name} was last heard of at {history.local(seen_s, zone)}: what it watches is unknown")
    return [*lines, *_unkept(session)]


def _unkept(session: Session) -> Iterator[str]:
    """Samples that can't be written, and those that are lost."""
    for row in session.exec(select(WatcherRow).order_by(WatcherRow.name)):
        if row.unkept:
            yield f"{row.name} can't keep samples, its log says why; waiting: {counted(row.unkept, 'looks')}"
        if row.lost:
            yield f"{row.name} has lost the samples of {counted(row.lost, 'looks')} since it began"


def _stopped(context: Context, session: Session, policy: Policy | None) -> list[str]:
    """What keeps it from acting: the stop file, mass outages, holds, and the pauses that are not over."""
    zone = context.settings.zone
    lines = [*_stop_file(context), *_mass_outages(session, zone)]
    for row in overlay.open_holds(session):
        why = f" ({plain(row.reason)})" if row.reason else ""
        lines.append(f"hold on {row.host or 'every host'} by {row.set_by} since {history.local(row.set_s, zone)}{why}")
    now_s = context.clock.now_s()
    pauses = (*(policy.pauses if policy is not None else ()), *overlay.pauses(session))
    lines += [_pause(pause) for pause in pauses if boundary_s(pause, now_s) is not None]
    return lines


def _stop_file(context: Context) -> list[str]:
    file = context.settings.stop_file
    said = stopping.said(file)
    if said is None:
        return []
    return [f"nothing is done anywhere: {file} is there{f' ({said})' if said else ''}; hikeshi release --all"]


def _mass_outages(session: Session, zone: str) -> list[str]:
    of_segments = col(IncidentRow.host).startswith(mass.SEGMENT), col(IncidentRow.closed_at_s).is_(None)
    return [
        f"mass outage of segment {mass.segment_of(row.host)} since {history.local(row.opened_at_s, zone)}: {row.id}, "
        f"{f'{row.acknowledged_by} has it' if row.acknowledged_by else 'nobody has it yet'}; no power is switched there by itself"
        for row in session.exec(select(IncidentRow).where(*of_segments).order_by(col(IncidentRow.number)))
    ]


def _pause(pause: Pause) -> str:
    scope = pause.check or pause.host or f"customer {pause.customer}"
    return (
        f"pause {pause.id} of {scope}: {pause.repeat} from {pause.start} {pause.zone} for {pause.duration_s / 60:g} min, "
        f"by {pause.by}{f' ({plain(pause.reason)})' if pause.reason else ''}"
    )


def show_incidents(json: bool, *, everything: bool, host: str | None) -> Exit:
    """Incidents, newest first."""
    with closing(open_context()) as context, context.store.read() as session:
        zone = context.settings.zone
        found = _incidents(session, everything=everything, host=host)
        if host is not None and not found and not _known_host(session, host):
            return refuse(f"host {host!r} is not in the inventory, and there are no incidents of it", Exit.BAD_INPUT)
    if json:
        out_json(found)
    else:
        _table_of_incidents("Incidents", found, zone)
    return Exit.OK


def _known_host(session: Session, host: str) -> bool:
    policy = policies.current(session)
    return session.get(HostRow, host) is not None or (policy is not None and host in policy.hosts)


def _incidents(session: Session, *, everything: bool, host: str | None) -> list[dict[str, Any]]:
    query = select(IncidentRow).order_by(col(IncidentRow.number).desc()).limit(NEWEST)
    if not everything:
        query = query.where(col(IncidentRow.closed_at_s).is_(None))
    if host is not None:
        query = query.where(IncidentRow.host == host)
    rows = session.exec(query).all()
    deliveries = delivery.of_incidents(session, [row.id for row in rows])
    return [{**row.model_dump(), "delivery": deliveries[row.id]} for row in rows]


def _table_of_incidents(title: str, found: list[dict[str, Any]], zone: str) -> None:
    rows = [
        [
            item["id"],
            f"Lv.{item['level']}",
            item["host"],
            item["phase"],
            history.local(item["fault_at_s"], zone),
            history.local(item["recovered_at_s"], zone) if item["recovered_at_s"] is not None else "-",
            item["delivery"],
            item["acknowledged_by"] or "-",
        ]
        for item in found
    ]
    out_table(title, ["incident", "level", "host", "phase", "fault", "recovered", "told", "taken by"], rows)


def show_explanation(subject: str, json: bool, language: str) -> Exit:
    """Why an incident or a host is as it is: every decision, in words."""
    if language not in ("ja", "en"):
        return refuse(f"--lang is {language!r}, must be ja or en", Exit.USAGE)
    said: Language = "ja" if language == "ja" else "en"
    with closing(open_context()) as context, context.store.read() as session:
        zone = context.settings.zone
        if session.get(IncidentRow, subject.upper()) is not None:
            subject = subject.upper()
            lines = history.of_incident(session, subject, said, zone)
        elif subject == SYSTEM or _known_host(session, subject):
            lines = history.of_host(session, subject, said, zone)
        else:
            return refuse(f"{subject!r} is neither an incident nor a host of the inventory", Exit.BAD_INPUT)
        lines = history.with_deliveries(session, subject, lines, said, zone)
        stopped = _stop_file(context)
    if json:
        out_json(
            [{"at_s": line.at_s, "code": line.code, "text": line.text, "spec": line.spec, "facts": line.facts} for line in lines]
        )
        return Exit.OK
    rows = [[history.local(line.at_s, zone), line.text, line.code, line.spec] for line in lines if line.code not in history.QUIET]
    out_table(f"Why: {subject or 'what concerns no single host'}", ["time", "decision", "code", "source"], rows)
    for line in stopped:
        print(f"! {line}")
    return Exit.OK
