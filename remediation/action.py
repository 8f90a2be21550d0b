"""What an action is: code that changes something on a host, for a step of a runbook.

An action is asked in this order: ``describe`` (what a dry run prints), ``prepare`` (connect, and read what is the case before),
``Prepared.start`` (do it, once), and, where nobody knows how ``start`` ended, ``settle`` (find out by looking, never by doing it
again). Between ``prepare`` and ``start`` stands the admission.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from domain.model import Host, Secret
from domain.ports import Clock
from domain.procedure import Effect, Parameter, StepOutcome
from runbooks.spec import ParameterSpec

Resolve = Callable[[Secret], str]
"""The secret behind a reference; of a private key, its text. Where it is not to be had: ``LookupError``, ``OSError`` or
``ValueError``, in words for the operator."""

NOTHING: Mapping[str, str] = MappingProxyType({})
ATTEMPT = "hikeshi-ATTEMPT"
"""Stands for the attempt's name, which a dry run has none of."""
OR = "# or: "
WHERE_OFF = "# or, where it is off: "
NOT_SENT = "nothing"
INSTEAD = "# where nothing answers: "


class NothingDone(Exception):  # noqa: N818 - reads as a sentence where it is caught
    """The action was not begun, so nothing on the host has changed. The text says why, without secrets."""


class CannotReach(NothingDone):
    """No login: no address answers, the host key is another one, the key was refused …"""


class NoAnswer(CannotReach):
    """Nothing speaks SSH there, as where a host is off or hangs; whereas one that refuses a login is up."""


class NoWay(CannotReach):
    """The inventory names no way there (no login, no pinned key, no password), so that waiting does not help."""


class TooLate(NothingDone):
    """The leave to act has lapsed before the host was asked to."""


class CannotAct(NothingDone):
    """Logged in, or not even that far, and it makes no sense to go on: the unit is masked, not found, not named …"""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to act on. ``service`` is the unit whose restart may cure the check that failed, where there is one.

    ``known`` is what was found out about the host at earlier logins (which init it has …), ``remember`` (name, value) adds to it.
    ``keep`` (name, text) keeps what was seen with the incident, for people: a console's log, what a file system check said; to be
    called while the attempt is under way, in ``start`` and ``settle``, for at most 16 names of 256 KB each; what looks like a
    secret is struck out there."""

    host: Host
    resolve: Resolve = field(repr=False)
    clock: Clock
    service: str | None = None
    known: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    remember: Callable[[str, str], None] = field(default=lambda _name, _value: None, repr=False)
    keep: Callable[[str, str], None] = field(default=lambda _name, _text: None, repr=False)


@dataclass(frozen=True, slots=True)
class Ran:
    """One remote command. ``exit_status`` is ``None`` when nobody knows how it ended (no answer in time, connection lost, killed
    by a signal): it may still be going on. ``detail`` then says which. Not ``sent``: the host never heard of it."""

    argv: tuple[str, ...]
    exit_status: int | None
    stdout: str = ""
    stderr: str = ""
    detail: str = ""
    sent: bool = True


Guard = Callable[[], None]
"""May the host still be asked to act? Raises ``TooLate`` where not."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The gate's leave to do an action once. ``attempt`` names it, on the host too (letters, digits and ``-``)."""

    attempt: str
    timeout_s: float
    guard: Guard = field(repr=False)


class Connection(Protocol):
    """A login on a host."""

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        """Run a command, given as a list of arguments which arrive unchanged. Never raises for what the host does. ``guard`` is
        called when nothing is left but to send the command; what it raises is raised, and then nothing was sent."""
        ...

    def close(self) -> None: ...


Connect = Callable[[Target], Connection]
"""Logs in; raises ``CannotReach``."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an action ended. ``outcome`` is ``DONE``, ``FAILED``, ``NOT_DONE`` (nobody ever heard of it) or ``UNKNOWN``;
    ``command_line`` as run on the host."""

    outcome: StepOutcome
    detail: str
    command_line: str = ""


class Prepared(Protocol):
    """An action that needs only to be started. ``before`` is what ``settle`` will compare with; keep it with the intent."""

    @property
    def before(self) -> Mapping[str, str]: ...

    def start(self, leave: Leave) -> Result:
        """Do it. May be called once. ``UNKNOWN``: ask ``settle``. Whatever is sent to change something goes through the leave's
        ``guard``; ``TooLate`` is raised through. What may take longer than 30 s runs there as a unit named after the attempt."""
        ...

    def close(self) -> None:
        """Log out. Repeatable."""
        ...


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that nobody knows the end of. ``age_s``: how long ago its intent was written, by CLOCK_BOOTTIME (at least so long:
    a machine that has rebooted since doesn't know)."""

    attempt: str
    age_s: float
    timeout_s: float = 60.0


class Action(Protocol):
    """A kind of step that acts. ``rehearsals``: see ``runbooks.spec.ActionSpec``."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, ParameterSpec]: ...

    @property
    def effect(self) -> Effect: ...

    @property
    def repeatable(self) -> bool: ...

    @property
    def rehearsals(self) -> frozenset[str]: ...

    def describe(
        self, host: Host, parameters: Mapping[str, Parameter], service: str | None, known: Mapping[str, str] = NOTHING
    ) -> tuple[str, ...]:
        """The exact command lines, in order, that a run which goes well has the host carry out, as far as can be told from what is
        ``known`` of it (``Target.known``). A line that begins with ``OR`` may take the place of the one before it, one that begins
        with ``WHERE_OFF`` does so where the host's power is off (``NOT_SENT``: nothing does); those that begin with ``INSTEAD``,
        together, of all others; other lines that begin with ``#`` are remarks. What only looks may come more often, while
        something is waited for. The attempt's name is ``ATTEMPT`` here. Raises ``CannotAct``."""
        ...

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> Prepared:
        """Log in and look, changing nothing. Raises ``CannotReach`` and ``CannotAct``."""
        ...

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        """After a ``start`` that nobody knows the end of: look, for at most about its ``timeout_s``, whether it had its effect.
        ``UNKNOWN`` where that can't be told: then a person is asked. Never acts, never raises for what the host does."""
        ...
