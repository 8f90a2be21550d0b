"""R9: more than so many alerts a minute to one recipient become one digest, in order, with nothing lost."""

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE_S = 60.0
DIGEST_MAX = 80
"""Messages in one digest; what is over goes into the next. So a digest stays far below an MTA's size limit, and the
references to all its incidents within the 4 KiB that some mail readers keep of a header field."""


@dataclass(frozen=True, slots=True)
class SendOne:
    """Send this message as a mail of its own."""

    key: str


@dataclass(frozen=True, slots=True)
class Digest:
    """Send these messages, in this order, as one mail."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Send nothing before this time (epoch seconds): the minute is full."""

    at_s: float


def decide(pending: Sequence[str], sent_s: Sequence[float], limit: int, now_s: float) -> SendOne | Digest | WaitUntil | None:
    """What to do next for one recipient.

    ``pending``: keys of its messages that wait, oldest first; ``sent_s``: when its last mails were sent (a digest is one
    mail); ``limit``: mails a minute, at least 1. As long as all that waits fits into the minute each goes by itself;
    else all go together as soon as the minute has room. ``None``: nothing waits.

    A time more than a minute in the future, because the clock was set back, does not count: telling late is worse than
    telling once too often.
    """
    if limit < 1:
        raise ValueError(f"limit is {limit}, must be at least 1 mail a minute")
    if not pending:
        return None
    recent = sorted(at_s for at_s in sent_s if at_s + MINUTE_S > now_s and at_s < now_s + MINUTE_S)
    if len(recent) >= limit:
        return WaitUntil(recent[-limit] + MINUTE_S)
    if len(pending) == 1 or len(recent) + len(pending) <= limit:
        return SendOne(pending[0])
    return Digest(tuple(pending[:DIGEST_MAX]))
