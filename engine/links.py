"""Links in pages: signed, bound to an incident, an operator and the page, and good for two days. An incident is taken once, one
that is over can't be taken, and a page from before it was reopened takes nothing.

GET only shows, POST decides: mail scanners follow links. The same page mail sent twice carries the same link. A form needs no
other token: whoever can post it has the link.
"""

from dataclasses import dataclass

from itsdangerous import BadData, URLSafeSerializer

from domain.commands import Notify
from domain.messages import serial_of
from engine.own_secret import ensure
from engine.settings import Settings

_SALT, _REPORT_SALT = "hikeshi.acknowledge", "hikeshi.report"
LIFE_S = 2 * 86_400.0
"""A page may be a day on its way; whoever is still needed after two has been paged again."""


class LinkError(ValueError):
    """The link is forged, mangled, or not for this."""


class ExpiredError(LinkError):
    """The link is ours, and too old."""


@dataclass(frozen=True, slots=True)
class Ack:
    """What a link says: ``operator`` takes ``incident``, asked by its page of this serial, which was decided at ``paged_s``."""

    incident: str
    operator: str
    page: int
    paged_s: float


def page_url(settings: Settings, page: Notify) -> str:
    """The link in a page."""
    ack = Ack(page.incident or "", page.recipient, serial_of(page.key), float(str(page.facts["at_s"])))
    return ack_url(settings, ack)


def ack_url(settings: Settings, ack: Ack) -> str:
    """Where this is done."""
    return f"{settings.ingress_url}/ack/{_serializer(settings).dumps([ack.incident, ack.operator, ack.page, ack.paged_s])}"


def read_ack(settings: Settings, token: str, now_s: float) -> Ack:
    """What a link says. Raises ``LinkError``, or ``ExpiredError``."""
    try:
        incident, operator, page, paged_s = _serializer(settings).loads(token)
        ack = Ack(str(incident), str(operator), int(page), float(paged_s))
    except (BadData, ValueError, TypeError) as error:
        raise LinkError("this link is not one of ours, or it was cut short by a mail reader") from error
    if now_s - ack.paged_s > LIFE_S:
        raise ExpiredError(f"this link has expired; `hikeshi ack {incident}` takes the incident if it is still open")
    return ack


def report_url(settings: Settings, check: str) -> str:
    """Where a job reports in for this check (C44). Whoever has it can report for no other one; it is good as long as the key is."""
    return f"{settings.ingress_url}/report/{_serializer(settings, _REPORT_SALT).dumps(check)}"


def read_report(settings: Settings, token: str) -> str:
    """The check that a job reports for. Raises ``LinkError``."""
    try:
        return str(_serializer(settings, _REPORT_SALT).loads(token))
    except BadData as error:
        raise LinkError("this URL is not one of ours, or it was cut short") from error


def _serializer(settings: Settings, salt: str = _SALT) -> URLSafeSerializer:
    return URLSafeSerializer(ensure(settings.home / "ingress.key"), salt=salt)
