"""Run one program: a step of a customer's operation procedure (R60)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType

from domain.model import Host
from domain.procedure import Effect, Parameter
from remediation import lasting, programs
from remediation.action import NOTHING, Attempted, CannotAct, Connect, Result, Target
from remediation.lasting import Lasting, PreparedUnit
from runbooks.spec import ParameterSpec

_ARGUMENT = re.compile(r"[A-Za-z0-9@._:/+=,-]{1,255}", re.ASCII)
_MAX_ARGUMENTS = 32
_RIGHT = (
    "a list: the absolute path of a program, then its arguments, each of ASCII letters, digits and @ . _ : / + = , -; "
    f"{_MAX_ARGUMENTS} at most"
)


def _argv(written: object) -> tuple[str, ...]:
    items = list(written) if isinstance(written, list | tuple) else []
    argv = tuple(item for item in items if isinstance(item, str) and _ARGUMENT.fullmatch(item))
    if not 1 <= len(argv) == len(items) <= _MAX_ARGUMENTS:
        raise ValueError(_RIGHT)
    if not argv[0].startswith("/") or ".." in PurePosixPath(argv[0]).parts or argv[0].endswith("/"):
        raise ValueError(_RIGHT)
    if (right := programs.why_not(argv)) is not None:
        raise ValueError(right)
    return argv


def _yes(written: object) -> bool:
    if not isinstance(written, bool):
        raise ValueError("true or false")
    return written


def _lasting(host: Host, parameters: Mapping[str, Parameter]) -> Lasting:
    try:
        argv = _argv(parameters.get("argv"))
    except ValueError as error:
        raise CannotAct(f"argv is not {error}") from error
    if host.ssh is None:
        raise CannotAct("the inventory says nothing about ssh on this host")
    user = None if parameters.get("as_root", False) or host.ssh.user == "root" else host.ssh.user
    return Lasting(argv, "output of the command", lasting.exit_status, host.ssh, user)


@dataclass(frozen=True, slots=True)
class Command:
    """A program with its arguments, by a unit of systemd's, with the login's rights or root's. Exit status 0: done."""

    name: str = "command"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(
        default_factory=lambda: MappingProxyType({
            "argv": ParameterSpec("the absolute path of a program and its arguments, as a list", _argv, required=True),
            "as_root": ParameterSpec(
                "true: with root's rights; by default with those of the user that logs in", _yes, default=False
            ),
        })
    )  # fmt: skip

    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],
        service: str | None,  # noqa: ARG002 - it is about no service
        known: Mapping[str, str] = NOTHING,
    ) -> tuple[str, ...]:
        return _lasting(host, parameters).describe(known)

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedUnit:
        return PreparedUnit(_lasting(target.host, parameters), target, lasting.login(target, connect))

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],
        before: Mapping[str, str],  # noqa: ARG002 - the unit's name says all
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        return lasting.settle(target, connect, _lasting(target.host, parameters), attempt)


COMMAND = Command()
