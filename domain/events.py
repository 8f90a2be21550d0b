"""Everything the engine can be told. Each is a value with a unique ``id``; inserting one twice is inserting it once."""

from dataclasses import dataclass
from enum import StrEnum

from domain.commands import Message
from domain.observation import Limit, Verdict
from domain.pauses import Pause


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictChanged:
    """From a watcher: a confirmed change (see ``domain.checks.Change``)."""

    id: str
    at_s: float
    host: str
    check: str
    verdict: Verdict
    fault_at_s: float | None = None
    evidence_since_s: float | None = None
    detail: str = ""
    value: float | None = None
    latency_ms: float | None = None
    limit: Limit | None = None
    told_only: bool = False
    order: int | None = None
    """Grows with every event of this check's watcher, over its restarts too: what arrives late is known as late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurred:
    """From a listener: something happened on a host that has no end to be waited for, such as its restart (C15). ``what``: its
    name. Of a line in a log (C40) its text, with the ``pattern`` that it is of, and the inventory's own ``proposal``, if any."""

    id: str
    at_s: float
    host: str
    check: str
    what: str
    pattern: str | None = None
    proposal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceLost:
    """From the engine itself: a host's watcher has fallen silent; its open faults are UNKNOWN until it speaks again."""

    id: str
    at_s: float
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerFired:
    """From the engine itself: ``next_due_s`` of a host's state has come."""

    id: str
    at_s: float
    host: str


class RunOutcome(StrEnum):
    """How a runbook's run ended."""

    FIXED = "fixed"
    """Its last look saw the fault gone after it acted."""
    GONE = "gone"
    """The fault was gone before it acted; nothing was done."""
    NOT_FIXED = "not_fixed"
    UNKNOWN = "unknown"
    """An action's effect could not be established; a person must look (never done again by itself)."""
    REFUSED = "refused"
    """The gate refused an action when it was about to be done."""
    LOST = "lost"
    """Nothing was heard within the run's budget."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAnnounced:
    """From a run: reachability was looked at again and the fault stands; the customer is to be told that work starts (R20)."""

    id: str
    at_s: float
    host: str
    run: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded:
    """From a run: ``run`` is the Run command's key; ``acted`` whether anything was done to the host, or may have been
    (admitted and refused, too late or not begun does not count); ``code`` the gate's reason where it was refused; ``by`` who
    performed it (``flow:…``, ``hands:…``)."""

    id: str
    at_s: float
    host: str
    run: str
    outcome: RunOutcome
    acted: bool
    by: str
    detail: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequested:
    """From an operator: run this runbook on this host now."""

    id: str
    at_s: float
    host: str
    runbook: str
    by: str
    reason: str = ""
    prefer: str | None = None
    """Who should perform it, where the asker will (a flow run)."""
    service: str | None = None
    """The unit that is meant, by its full name; without one ``domain.aim`` chooses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSystemRuns:
    """From an operator: the host, which a run had left in its rescue system, runs its own system again."""

    id: str
    at_s: float
    host: str
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookApproved:
    """From an operator: this version of a runbook (its content hash) may act on its own, wherever automation is on."""

    id: str
    at_s: float
    runbook: str
    version: str
    by: str
    reason: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRevoked:
    """From an operator: this version may not any more, whoever had approved it."""

    id: str
    at_s: float
    runbook: str
    version: str
    by: str
    reason: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRaised:
    """From an operator: a runbook that was lowered for a customer may act on its own there again."""

    id: str
    at_s: float
    runbook: str
    customer: str
    by: str
    reason: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunbookRehearsed:
    """From a rehearsal: this version was run against a throwaway host with this fault. ``path``: its page; ``unreached``: the steps
    that act and were not done there."""

    id: str
    at_s: float
    runbook: str
    version: str
    fault: str
    passed: bool
    by: str = ""
    path: str = ""
    detail: str = ""
    unreached: tuple[str, ...] = ()
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldSet:
    """From an operator: nothing is done on ``host`` (or, with none, on any host) until released."""

    id: str
    at_s: float
    host: str | None
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReleased:
    id: str
    at_s: float
    host: str | None
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSet:
    id: str
    at_s: float
    pause: Pause
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseCancelled:
    id: str
    at_s: float
    pause: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """From an operator: a person takes this incident; escalation stops. ``page`` is the serial of the page that is answered;
    ``None``: the incident as it stands is taken."""

    id: str
    at_s: float
    incident: str
    host: str
    by: str
    via: str = "cli"
    page: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteAdded:
    id: str
    at_s: float
    incident: str
    host: str
    by: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChanged:
    """From the engine itself: another inventory version holds; every host with state is judged again under it."""

    id: str
    at_s: float
    host: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed:
    """From hands: a message was given up. The operators are told by what other way there is."""

    id: str
    at_s: float
    host: str
    command: str
    message: Message
    recipient: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRefused:
    """From the engine itself: a changed inventory has mistakes; the accepted version goes on holding."""

    id: str
    at_s: float
    error: str
    mistakes: int = 0
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherSilent:
    """From the engine itself: a watcher has not been heard of; what it watched is not being watched."""

    id: str
    at_s: float
    watcher: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatcherCutOff:
    """From a watcher: it does not see a segment any more, or (not ``cut_off``) sees it again. ``silent`` of its ``anchors`` did
    not answer (C52)."""

    id: str
    at_s: float
    watcher: str
    segment: str
    cut_off: bool
    silent: int
    anchors: int
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapsRefused:
    """From a watcher: it was sent what it believes nobody (C15). ``detail``: how much of what, and by whom."""

    id: str
    at_s: float
    watcher: str
    detail: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogRefused:
    """From a watcher: it was sent logs that it takes from nobody, or too much of them (C40). ``detail``: how much, and by whom."""

    id: str
    at_s: float
    watcher: str
    detail: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrapsUnheard:
    """From a watcher: it can't listen for traps, and why."""

    id: str
    at_s: float
    watcher: str
    detail: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogUnheard:
    """From a watcher: it can't listen for syslog, and why."""

    id: str
    at_s: float
    watcher: str
    detail: str
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MassOutageBegan:
    """From the engine itself: ``unreachable`` of a segment's ``hosts`` were lost together (R26). ``host``: ``mass.of_segment``."""

    id: str
    at_s: float
    host: str
    unreachable: int
    hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MassOutageEnded:
    """From the engine itself: enough of them are back."""

    id: str
    at_s: float
    host: str
    unreachable: int
    hosts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepped:
    """From the engine itself: its machine's clock was set. What waits has been moved already."""

    id: str
    at_s: float
    from_at_s: float
    to_at_s: float
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRecorded:
    """From a run: one step ended. Changes no state; it is the incident's timeline and report."""

    id: str
    at_s: float
    host: str
    run: str
    step: str
    action: str
    outcome: str
    detail: str = ""
    command_line: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWritten:
    id: str
    at_s: float
    host: str
    incident: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFailed:
    """From whoever writes reports: an incident's report was given up."""

    id: str
    at_s: float
    host: str
    incident: str
    error: str


Event = (
    VerdictChanged
    | Occurred
    | EvidenceLost
    | TimerFired
    | WorkAnnounced
    | RunEnded
    | RunRequested
    | OwnSystemRuns
    | RunbookApproved
    | RunbookRevoked
    | RunbookRaised
    | RunbookRehearsed
    | HoldSet
    | HoldReleased
    | PauseSet
    | PauseCancelled
    | Acknowledged
    | NoteAdded
    | PolicyChanged
    | DeliveryFailed
    | InventoryRefused
    | WatcherSilent
    | WatcherCutOff
    | TrapsRefused
    | TrapsUnheard
    | SyslogRefused
    | SyslogUnheard
    | MassOutageBegan
    | MassOutageEnded
    | ClockStepped
    | ActionRecorded
    | ReportWritten
    | ReportFailed
)
