"""Mails: composed so that the same command gives the same bytes, threaded per incident (R9), handed to a local MTA.

RFC 5322 (message), RFC 2047 (words in headers), RFC 3834 (Auto-Submitted).
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from zoneinfo import ZoneInfo

from domain.commands import Fact, Facts, Notify
from domain.model import Contact, Language, Operator, Policy
from domain.wording import plain
from notify.channel import Delivered, DeliveryError, Settings, ack_url_of, recipient_of
from notify.headers import MAIL_POLICY
from notify.smtp import deliver
from notify.text import Text, write, write_digest


def message_id(key: str, sender: str) -> str:
    """The Message-ID of a command: the same key and sender domain always give the same."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{sender.rpartition('@')[2]}>"


def compose(notify: Notify, policy: Policy, ack_url: str | None = None) -> EmailMessage:
    """The mail of one message.

    The first message of an incident to a recipient is the root of a thread: every later one references its id, which
    follows from the fact ``first_key``. Date is when it was decided, in the recipient's zone (R7).
    """
    person, language = _addressee(notify, policy)
    message = _envelope(person, policy, message_id(notify.key, policy.brand.sender))
    first = notify.facts.get("first_key")
    _thread(message, [str(first)] if first is not None and first != notify.key else [], policy)
    return _finish(message, write(notify, policy.brand, language, ack_url), language, _latest([notify]))


def compose_digest(notifies: Sequence[Notify], policy: Policy, settings: Settings) -> EmailMessage:
    """One mail for several messages to one recipient (R9). It joins the threads of all their incidents."""
    person, language = _addressee(notifies[0], policy)
    parts = [write(notify, policy.brand, language, ack_url_of(notify, settings)) for notify in notifies]
    levels = [level for notify in notifies if isinstance(level := notify.facts.get("level"), int)]
    key = "\n".join(notify.key for notify in notifies)
    message = _envelope(person, policy, message_id(key, policy.brand.sender))
    firsts = [str(first) for notify in notifies if (first := notify.facts.get("first_key")) is not None]
    _thread(message, list(dict.fromkeys(firsts)), policy)
    return _finish(message, write_digest(parts, max(levels, default=None), policy.brand, language), language, _latest(notifies))


def send(notifies: Sequence[Notify], policy: Policy, settings: Settings) -> Delivered:
    """Compose and hand to the MTA: one message as itself, several as a digest."""
    try:
        if len(notifies) == 1:
            message = compose(notifies[0], policy, ack_url_of(notifies[0], settings))
        else:
            message = compose_digest(notifies, policy, settings)
    except (ValueError, MessageError) as error:
        # a header or a set of facts that cannot be written will not become writable by waiting
        raise DeliveryError(f"cannot compose: {error}", permanent=True) from error
    return deliver(message, settings.smtp)


def _addressee(notify: Notify, policy: Policy) -> tuple[Address, Language]:
    person: Contact | Operator = recipient_of(notify, policy)
    if person.mail is None:
        raise DeliveryError(f"operator {person.id} has no mail address", permanent=True)
    return _mailbox(person.name, person.mail), person.language


def _mailbox(name: str, mailbox: str) -> Address:
    if not mailbox.isascii():
        raise ValueError(f"mail address {mailbox} is not ASCII; not every MTA takes others (RFC 6531)")
    return Address(display_name=plain(name), addr_spec=mailbox)


def _envelope(to: Address, policy: Policy, identity: str) -> EmailMessage:
    message = EmailMessage(policy=MAIL_POLICY)
    message["From"] = _mailbox(policy.brand.name, policy.brand.sender)
    message["To"] = to
    message["Message-ID"] = identity
    message["Auto-Submitted"] = "auto-generated"
    return message


def _thread(message: EmailMessage, firsts: Sequence[str], policy: Policy) -> None:
    if firsts:
        roots = [message_id(key, policy.brand.sender) for key in firsts]
        message["In-Reply-To"] = roots[-1]
        message["References"] = " ".join(roots)


def _finish(message: EmailMessage, text: Text, language: Language, at: Facts) -> EmailMessage:
    message["Subject"] = text.subject
    message["Date"] = datetime.fromtimestamp(int(_seconds(at["at_s"])), ZoneInfo(str(at["zone"])))
    # 8bit would give lines longer than the 998 bytes of RFC 5322, quoted-printable triples Japanese
    message.set_content(text.body, charset="utf-8", cte="base64")
    message["Content-Language"] = language
    return message


def _latest(notifies: Sequence[Notify]) -> Facts:
    return max((notify.facts for notify in notifies), key=lambda facts: _seconds(facts["at_s"]))


def _seconds(value: Fact) -> float:
    if isinstance(value, int | float):
        return value
    raise ValueError(f"at_s is {value!r}, must be epoch seconds")
