"""The names of facts: what messages (R3), decision records and their texts may speak of.

The engine fills them when it decides, so that a text says what was true then. Times are UTC epoch seconds; a reader's
zone is applied by the text. A fact that a message's list names is always present; ``None`` is allowed where its type says so.
"""

from enum import StrEnum
from typing import NamedTuple

from domain.commands import Facts, Message

Number = (int, float)
Nothing = type(None)


class Next(StrEnum):
    """What will happen next (R3); only what the contract covers may be promised (R20, R22, R25, R4)."""

    RESTART_NOW = "restart_now"
    """The service is restarted at once (R22)."""
    RECOVER_AFTER_WAIT = "recover_after_wait"
    """Recovery starts when the fault has lasted ``wait_s`` (R20)."""
    WORKING = "working"
    """Recovery is under way."""
    PEOPLE = "people"
    """Our operators have been paged and take it from here (R25)."""
    PEOPLE_AFTER_WAIT = "people_after_wait"
    """Our operators are paged when the fault has lasted ``wait_s``: automation may not act on it as things stand (R25)."""
    HELD = "held"
    """A person stopped automatic work; our operators have been told of the fault (R26)."""
    MASS_OUTAGE = "mass_outage"
    """Many hosts of its network are lost at once; our operators look for the cause before anything is switched (R26)."""
    MAIL_ONLY = "mail_only"
    """The contract covers no recovery, or resources are never recovered (R4): we tell, and watch."""
    TOLD_ONLY = "told_only"
    """What failed says nothing about the host (its name was not resolved, or leads elsewhere), so nothing is done to it (C50)."""
    WATCH = "watch"
    """Nothing is left to do; watching goes on."""


class Spec(NamedTuple):
    """Types a fact may have, and what it means (with its unit)."""

    types: tuple[type, ...]
    meaning: str


FACTS: dict[str, Spec] = {
    # who and where
    "incident": Spec((str, Nothing), "incident id, INC-000123; None for a notice about no incident"),
    "host": Spec((str, Nothing), "host id"),
    "scope": Spec((str,), "whom a hold or a limit concerns: a host's id, all_hosts, or customer or parent of the host"),
    "label": Spec((str,), "the host's label, as the customer knows it"),
    "address": Spec((str,), "the host's IP address"),
    "fqdn": Spec((str,), "fully qualified name; empty where it has none"),
    "device_type": Spec((str,), "server, switch …"),
    "os": Spec((str,), "operating system; empty where not known"),
    "customer": Spec((str,), "customer id"),
    "customer_name": Spec((str,), "the customer's name"),
    "zone": Spec((str,), "IANA time zone in which the recipient reads times (R7)"),
    # when
    "at_s": Spec(Number, "when this was decided: the Date of the mail, epoch seconds"),
    "fault_at_s": Spec(Number, "first failing observation, epoch seconds"),
    "confirmed_at_s": Spec(Number, "when the fault was confirmed, epoch seconds"),
    "recovered_at_s": Spec((*Number, Nothing), "first good observation after the fault, epoch seconds"),
    "down_s": Spec(
        (*Number, Nothing), "how long it has lasted: fault to recovery, or fault to at_s, seconds; None: a clock was set meanwhile"
    ),
    "until_s": Spec((*Number, Nothing), "when a pause, a hold, a wait or a cool-down ends, epoch seconds; None: open-ended"),
    "due_s": Spec(Number, "when something was or is to happen, epoch seconds"),
    # what
    "level": Spec((int,), "level now, 2-5 (R1)"),
    "previous_level": Spec((int, Nothing), "level before the change"),
    "faults": Spec((tuple,), "ids of the checks that are down; after a recovery, of those that were"),
    "check": Spec((str,), "id of the check that sets the level, host/name"),
    "kind": Spec((str,), "its kind, a key of PROBES"),
    "service": Spec((str, Nothing), "the systemd unit concerned"),
    "item": Spec((str,), "what was looked at, without language: tcp 192.0.2.1:443, the URL …"),
    "value": Spec((str, *Number, Nothing), "measured value; None where the check only answers or does not"),
    "unit": Spec((str,), "unit of value; empty where they have none"),
    "threshold": Spec((str, Nothing), "the threshold that was passed, as it is said: > 80%; None for a check without one"),
    "trigger_failures": Spec((int,), "how many looks in a row had to fail (C1-C3)"),
    "detail": Spec((str,), "evidence in plain words, at most 200 characters"),
    "finding": Spec((str,), "the pattern that a line of a log is of: a key of syslog_patterns.PATTERNS, or the inventory's own"),
    "proposal": Spec((str,), "what the inventory proposes for it; empty where it says nothing"),
    "changes": Spec((int,), "verdict changes that were counted as flapping (C54)"),
    "window_s": Spec(Number, "within so many seconds"),
    # what is done about it
    "next": Spec((str,), "a value of Next"),
    "wait_s": Spec((*Number, Nothing), "the contract's wait before recovery starts (R20), seconds"),
    "runbook": Spec((str, Nothing), "the runbook run or to be run"),
    "run": Spec((str,), "key of the Run command"),
    "acted": Spec((bool,), "was anything done to the host in this incident, as far as was heard; after a lost run nobody knows"),
    "outcome": Spec((str, Nothing), "a value of events.RunOutcome"),
    "outcome_detail": Spec((str,), "what the run said about its end"),
    "reason": Spec((str, Nothing), "a value of reasons.Code: why it is as it is"),
    "by": Spec((str,), "who: an operator's id, flow:…, hands:…"),
    "why": Spec((str,), "the reason a person gave"),
    "limit": Spec((int,), "a guard-rail's bound"),
    "running": Spec((int,), "actions that count against limit: admitted and not yet ended, or begun within window_s"),
    "parent": Spec((str,), "id of the host that it depends on, which is down or was a moment ago (C53)"),
    "pause": Spec((str,), "pause id"),
    "step": Spec((str,), "step of a runbook"),
    "action": Spec((str,), "key of ACTIONS"),
    # telling
    "first_key": Spec(
        (str, Nothing), "key of the first message of this incident to this recipient: the root of its mail thread (R9)"
    ),
    "recipient": Spec((str,), "contact's or operator's id"),
    "message": Spec((str,), "a value of commands.Message"),
    "channel": Spec((str,), "key of CHANNELS"),
    "round": Spec((int,), "how many operators were told before this one, counting from 0"),
    "error": Spec((str,), "an error's text, without secrets"),
    "event": Spec((str,), "id of an event"),
    "from_at_s": Spec(Number, "what a clock said before it was set, epoch seconds"),
    "to_at_s": Spec(Number, "what it said afterwards, epoch seconds"),
    "version": Spec((str,), "version of an inventory, or of a runbook: its content hash"),
    "path": Spec((str,), "a file"),
}

ABOUT_A_HOST = (
    "incident", "host", "label", "address", "fqdn", "device_type", "os", "customer", "customer_name", "zone", "at_s",
    "fault_at_s", "confirmed_at_s", "recovered_at_s", "down_s", "level", "faults", "check", "kind", "service", "item", "value",
    "unit", "threshold", "trigger_failures", "detail", "next", "wait_s", "first_key",
)  # fmt: skip
"""What every message about an incident carries: all that R3 asks for."""

OF_AN_OCCURRENCE = (
    "incident", "host", "label", "address", "fqdn", "device_type", "os", "customer", "customer_name", "zone", "at_s",
    "confirmed_at_s", "level", "check", "kind", "item", "detail", "first_key",
)  # fmt: skip
"""As much of it as there is: it belongs to no incident, and nothing follows."""

OF_MESSAGE: dict[Message, tuple[str, ...]] = {
    Message.OCCURRED: OF_AN_OCCURRENCE,
    Message.FINDING: (*OF_AN_OCCURRENCE, "finding", "proposal"),
    Message.FAULT: ABOUT_A_HOST,
    Message.LEVEL_CHANGE: (*ABOUT_A_HOST, "previous_level"),
    Message.WORK_STARTED: (*ABOUT_A_HOST, "runbook"),
    Message.RECOVERED: (*ABOUT_A_HOST, "acted", "outcome"),
    Message.NOT_RECOVERED: (*ABOUT_A_HOST, "acted", "outcome", "reason"),
    Message.FLAPPING: (*ABOUT_A_HOST, "changes", "window_s"),
    Message.SETTLED: ABOUT_A_HOST,
    Message.WATCH_ENDED: ABOUT_A_HOST,
    Message.PAGE: (*ABOUT_A_HOST, "acted", "outcome", "outcome_detail", "reason", "round"),
    Message.NOTICE: ("incident", "host", "zone", "at_s", "reason", "first_key"),
}
"""The facts each message must carry. A notice also carries whatever the text of its reason speaks of."""


def problems(message: Message, facts: Facts) -> tuple[str, ...]:
    """What is wrong with a message's facts: a missing or unknown name, a type its Spec does not allow."""
    missing = [f"{message}: fact {name} is missing" for name in OF_MESSAGE[message] if name not in facts]
    unknown = [f"{message}: fact {name} is not documented in domain.facts" for name in facts if name not in FACTS]
    wrong = [
        f"{message}: fact {name} is a {type(value).__name__}"
        for name, value in facts.items()
        if name in FACTS
        and (not isinstance(value, FACTS[name].types) or (isinstance(value, bool) and bool not in FACTS[name].types))
    ]
    return (*missing, *unknown, *wrong)
