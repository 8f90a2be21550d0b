"""What an action is: code that changes something on a host, for a step of a runbook.

An action is asked in this order: ``describe`` (what a dry run prints), ``prepare`` (connect, and read what is the case before),
``Prepared.start`` (do it, once), and, where nobody knows how ``start`` ended, ``settle`` (find out by looking, never by doing it
again). Between ``prepare`` and ``start`` stands the admission.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from domain.model import Host, Secret
from domain.ports import Clock
from domain.procedure import Parameter, StepOutcome
from runbooks.spec import ParameterSpec

Resolve = Callable[[Secret], str]
"""The secret behind a reference; of a private key, its text. Where it is not to be had: ``LookupError``, ``OSError`` or
``ValueError``, in words for the operator."""


class NothingDone(Exception):  # noqa: N818 - reads as a sentence where it is caught
    """The action was not begun, so nothing on the host has changed. The text says why, without secrets."""


class CannotReach(NothingDone):
    """No login: no address answers, the host key is another one, the key was refused …"""


class TooLate(NothingDone):
    """The leave to act has lapsed before the host was asked to."""


class CannotAct(NothingDone):
    """Logged in, or not even that far, and it makes no sense to go on: the unit is masked, not found, not named …"""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom to act on. ``service`` is the unit whose restart may cure the check that failed, where there is one."""

    host: Host
    resolve: Resolve = field(repr=False)
    clock: Clock
    service: str | None = None


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
    """How an action ended. ``outcome`` is ``DONE``, ``FAILED``, ``NOT_DONE`` (the host never heard of it) or ``UNKNOWN``;
    ``command_line`` as run on the host."""

    outcome: StepOutcome
    detail: str
    command_line: str = ""


class Prepared(Protocol):
    """An action that needs only to be started. ``before`` is what ``settle`` will compare with; keep it with the intent."""

    @property
    def before(self) -> Mapping[str, str]: ...

    def start(self, timeout_s: float, guard: Guard) -> Result:
        """Do it. May be called once. ``UNKNOWN``: ask ``settle``. Whatever is sent to change something goes through ``guard``;
        ``TooLate`` is raised through."""
        ...

    def close(self) -> None:
        """Log out. Repeatable."""
        ...


class Action(Protocol):
    """A kind of step that acts."""

    @property
    def name(self) -> str: ...

    @property
    def parameters(self) -> Mapping[str, ParameterSpec]: ...

    def describe(self, host: Host, parameters: Mapping[str, Parameter], service: str | None) -> tuple[str, ...]:
        """The exact command lines, in order, that a run which goes well has the host carry out. Raises ``CannotAct``."""
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
        timeout_s: float = 60.0,
    ) -> Result:
        """After a ``start`` that nobody knows the end of: look, for at most about ``timeout_s``, whether it had its effect.
        ``UNKNOWN`` where that can't be told: then a person is asked. Never acts, never raises for what the host does."""
        ...
