"""``dns`` (C14): a record comes (RFC 1035) and, where values are given, any one of the records equals any one of them.

Asked over UDP, and again over TCP where the answer did not fit (RFC 7766 5). The host's own address is asked, so it is the server
that is watched, whatever the watcher itself resolves names by.
"""

from functools import lru_cache
from ipaddress import ip_address

import dns.exception
import dns.message
import dns.rcode
import dns.rdata
import dns.rdatatype
import dns.reversename

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.dns_message import answer, question, rcode_of, read, said_by
from probes.option import Option
from probes.spec import Dialogue, Spec, Talk, Target

MAX_VALUES = 20
MAX_KNOWN_BYTES = 512


def _look(target: Target) -> Dialogue:
    options = target.options
    query = _query(options["name"], options["record"])
    if isinstance(query, Observation):
        return query
    record, asks = query
    heard = yield from answer(target.address, options["port"], asks)
    if isinstance(heard, Observation):
        return heard
    judge = _known if len(heard) <= MAX_KNOWN_BYTES else _judged
    return judge(heard, record, tuple(options["values"] or ()))


@lru_cache(4096)
def _query(name: str, given: str | None) -> tuple[str, bytes] | Observation:
    """The record that is asked for, and the whole question but its id, which comes first."""
    address = _is_address(name)
    record = given or ("PTR" if address else "A")
    if address is not (record == "PTR"):
        return unknown(f"{name} has no {record} records: an address has PTR ones, and only those")
    wanted = dns.reversename.from_address(name) if address else name
    return record, question(str(wanted), record)


def _judged(heard: bytes, record: str, values: tuple[str, ...]) -> Observation:
    """``heard`` is without its id."""
    if (rcode := rcode_of(heard)) != dns.rcode.NOERROR:
        return down(f"answers that {said_by(rcode)}")
    try:
        message = read(heard)
        found = message.resolve_chaining().answer if isinstance(message, dns.message.QueryMessage) else None
    except (dns.exception.DNSException, ValueError) as error:
        return down(f"its answer can't be read: {type(error).__name__}")
    if not found:
        return down(f"answers with no {record} record")
    said = ", ".join(sorted(rdata.to_text() for rdata in found))
    said = said if len(said) <= 120 else said[:120] + "…"
    if values and not any(_equals(rdata, value) for rdata in found for value in values):
        return down(f"answers {said}, which is none of the values that are right")
    return up(said)


_known = lru_cache(1024)(_judged)
"""Most answers are the same from look to look, and are read once."""


def _equals(rdata: dns.rdata.Rdata, value: str) -> bool:
    """``value`` as the option gives it: a mail exchanger may be named with its preference or without."""
    text = rdata.to_text().rstrip(".").lower()
    return value == text or (rdata.rdtype == dns.rdatatype.MX and value == text.partition(" ")[2])


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return "%" not in name  # a zone of ours is nothing to ask others for


def _name(value: object) -> str:
    right = "a name such as www.example.com, or for PTR an address such as 192.0.2.1"
    if not isinstance(value, str):
        raise ValueError(right)
    if _is_address(value):
        return str(ip_address(value))
    try:
        return option.server_name(value.removesuffix("."))
    except ValueError as error:
        raise ValueError(right) from error


def _values(value: object) -> list[str]:
    right = f"a list of 1 to {MAX_VALUES} addresses or names; for MX also with its preference, such as 10 mail.example.com"
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
        raise ValueError(right)
    try:
        return [_value(one) for one in value]
    except ValueError as error:
        raise ValueError(right) from error


def _value(value: object) -> str:
    preference, space, name = value.rpartition(" ") if isinstance(value, str) else ("", "", value)
    if space and not (preference.isascii() and preference.isdigit() and int(preference) <= 65_535):
        raise ValueError(preference)
    return (f"{int(preference)} " if space else "") + _name(name)


DNS = Spec(
    name="dns",
    source="C14",
    doc="Answers a DNS question with a record, with one of the given values where there are any",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={
        "name": Option("the name to ask for, or an address to ask the name of (PTR)", _name, required=True),
        "record": Option("A, AAAA, MX or PTR; by default A, and PTR for an address", option.choice("A", "AAAA", "MX", "PTR")),
        "values": Option("a list of right answers, any one of which is enough; by default any record is", _values),
        "port": Option("UDP and TCP port; 53 by default", option.port, 53),
    },
)
