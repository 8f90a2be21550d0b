"""Commands that show what was found on hosts: what is known of one, and what was kept for people to read."""

import unicodedata
from contextlib import closing

from sqlmodel import Session

from engine import history
from engine.context import open_context
from engine.requests import current_policy, known_host
from hikeshi.exits import Exit
from hikeshi.show import out_json, out_table, refuse
from store import findings, policies, steady, traits
from store.tables import FindingRow, HostRow, IncidentRow

LAST_ATTEMPTS = 5
"""Of a host."""


def show_host(host: str, json: bool) -> Exit:
    """What was found out about a host at logins, and when."""
    with closing(open_context()) as context:
        found = known_host(current_policy(context), host)
        zone = context.settings.zone
        with context.store.read() as session:
            rows = traits.known(session, found, steady.now_s(session))
    if json:
        known = {row.name: {"value": row.value, "found_s": row.found_s} for row in rows}
        out_json({"host": host, "address": found.address, "known": known})
        return Exit.OK
    shown = [[row.name, row.value, history.local(row.found_s, zone)] for row in rows]
    out_table(f"Found out about {host}", ["what", "is", "seen"], shown)
    return Exit.OK


def show_findings(subject: str, json: bool) -> Exit:
    """What attempts kept with an incident, or on a host of late."""
    with closing(open_context()) as context, context.store.read() as session:
        zone = context.settings.zone
        if session.get(IncidentRow, subject.upper()) is not None:
            rows = findings.of_incident(session, subject.upper())
        elif _is_host(session, subject):
            rows = findings.of_host(session, subject, LAST_ATTEMPTS)
        else:
            return refuse(f"{subject!r} is neither an incident nor a host of the inventory", Exit.BAD_INPUT)
    if json:
        out_json([row.model_dump(exclude={"seq"}) for row in rows])
        return Exit.OK
    for row in rows:
        print(_heading(row, zone))
        print(_harmless(row.text))
    if not rows:
        print("nothing was kept")
    return Exit.OK


def _is_host(session: Session, host: str) -> bool:
    policy = policies.current(session)
    return session.get(HostRow, host) is not None or (policy is not None and host in policy.hosts)


def _heading(row: FindingRow, zone: str) -> str:
    return f"== {_harmless(row.name)} ({row.host}, step {row.step}, {history.local(row.at_s, zone)}) =="


def _harmless(text: str) -> str:
    """As it was, but for what would drive the operator's terminal."""
    return "".join(char if char in "\n\t" or unicodedata.category(char)[0] != "C" else "�" for char in text)
