"""What every channel is: one function that sends one message, or several as a digest (R9), and says whether it went."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.commands import Message, Notify
from domain.model import Contact, Operator, Policy, Secret


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The MTA that takes our mails and owns their retries. ``ca_file``: whom to trust for STARTTLS; ``None`` the system's."""

    host: str = "127.0.0.1"
    port: int = 25
    starttls: bool = False
    ca_file: str | None = None
    timeout_s: float = 10.0
    """For each answer of the MTA; there are at most eight."""


def _no_link(page: Notify) -> str | None:
    del page
    return None


@dataclass(frozen=True, slots=True)
class Settings:
    """What sending needs from outside.

    ``resolve`` reads a secret, or raises ``ValueError`` with a text that names the reference only.
    ``ack_url`` gives the link of a page, or ``None`` where there is no ingress; the same page must give the same link, so that a
    page sent twice is the same page.
    """

    resolve: Callable[[Secret], str]
    ack_url: Callable[[Notify], str | None] = _no_link
    smtp: SmtpSettings = field(default_factory=SmtpSettings)
    webhook_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """The next hop has taken the message; ``detail`` is what it said (a queue id, a status)."""

    detail: str


class DeliveryError(Exception):
    """The message was not taken. ``permanent``: trying the same again makes no sense; ``of_recipient``: nor does sending anything
    else to this recipient by this channel. The text never holds a secret."""

    def __init__(self, text: str, *, permanent: bool, of_recipient: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.of_recipient = of_recipient


Send = Callable[[Sequence[Notify], Policy, Settings], Delivered]
"""Send messages of one recipient. More than one becomes a digest, in their order. Raises ``DeliveryError``."""


def recipient_of(notify: Notify, policy: Policy) -> Contact | Operator:
    """Whom a message is for. A recipient that has left the inventory since is a permanent refusal."""
    if notify.audience == "operator":
        operator = policy.operators.get(notify.recipient)
        if operator is not None:
            return operator
    else:
        customer = policy.customers.get(str(notify.facts.get("customer")))
        for contact in customer.contacts if customer is not None else ():
            if contact.id == notify.recipient:
                return contact
    raise DeliveryError(f"{notify.audience} {notify.recipient} is no longer in the inventory", permanent=True, of_recipient=True)


def ack_url_of(notify: Notify, settings: Settings) -> str | None:
    """The link of a page; nothing else carries one."""
    return settings.ack_url(notify) if notify.message is Message.PAGE and notify.incident is not None else None
