"""Everything the engine can ask for. A command is committed before anyone acts on it, and is done once, by its ``key``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

Fact = str | int | float | bool | None | tuple[str, ...]
Facts = Mapping[str, Fact]
NO_FACTS: Facts = MappingProxyType({})


class Message(StrEnum):
    """What a message says; each has a template in ja and en."""

    FAULT = "fault"
    LEVEL_CHANGE = "level_change"
    WORK_STARTED = "work_started"
    RECOVERED = "recovered"
    NOT_RECOVERED = "not_recovered"
    FLAPPING = "flapping"
    SETTLED = "settled"
    OCCURRED = "occurred"
    """To a customer: something happened that has no end to be waited for; nothing follows."""
    FINDING = "finding"
    """To a customer: a line of a log means trouble, and this is proposed; nothing else follows."""
    WATCH_ENDED = "watch_ended"
    """To a customer: the host or check is no longer watched, so no recovery will be told."""
    PAGE = "page"
    """To an operator: a person is needed; carries a link to acknowledge."""
    NOTICE = "notice"
    """To an operator: something to know, nothing to acknowledge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """Tell one recipient one thing.

    ``audience`` is ``customer`` or ``operator``, ``recipient`` the contact's or operator's id, ``channel`` a key of
    CHANNELS. ``facts`` hold all that the text needs (R3), so that the mail says what was true when it was decided.
    """

    key: str
    incident: str | None
    host: str | None
    message: Message
    audience: str
    recipient: str
    channel: str
    facts: Facts = field(default_factory=lambda: NO_FACTS)
    prefer: str | None = None

    @property
    def to(self) -> str:
        """``channel/audience/customer/recipient``: whose messages keep their order, and share a minute (R9). A contact's id is
        its customer's own, and may be an operator's as well."""
        owner = self.facts.get("customer") or "" if self.audience == "customer" else ""
        return f"{self.channel}/{self.audience}/{owner}/{self.recipient}"


ENGINE = "engine"
"""``Run.requested_by`` of what no person asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Perform a runbook on a host. ``checks`` are what failed: looked at before, between and after. ``policy`` is the version of
    the inventory it was decided under: that host is meant, whatever its name may stand for later."""

    key: str
    incident: str | None
    host: str
    runbook: str
    checks: tuple[str, ...]
    service: str | None
    requested_by: str
    policy: str = ""
    prefer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Ask the watcher to look at these checks now; asked for by a run, so inserted by it and not by the engine."""

    key: str
    incident: str | None
    host: str
    checks: tuple[str, ...]
    prefer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Write the incident report (P2) as PDF."""

    key: str
    incident: str
    host: str
    prefer: str | None = None


Command = Notify | Run | Look | Report
