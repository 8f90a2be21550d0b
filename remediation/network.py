"""Restart what manages a host's network. The way to the host may break for a while, so it is a unit of its own there."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host
from domain.procedure import Effect, Parameter
from remediation import lasting
from remediation.action import ATTEMPT, NOTHING, OR, Attempted, CannotAct, CannotReach, Connect, Connection, Result, Target
from remediation.host import LOOK_TIMEOUT_S, words
from remediation.lasting import Lasting, PreparedUnit
from runbooks.spec import ParameterSpec

NETWORK = "network"
"""Trait: the unit that manages the network; also in ``before``."""
MANAGERS = ("NetworkManager.service", "systemd-networkd.service", "networking.service", "network.service")
"""Of those that are in use the first one: the later ones are there for what the earlier ones leave alone."""
_LOOK = ("systemctl", "show", *MANAGERS, "--property=Id,LoadState,ActiveState")
_IN_USE = frozenset({"active", "activating", "reloading", "failed"})


def _lasting(host: Host, manager: str) -> Lasting:
    argv = ("/usr/bin/systemctl", "restart", manager)
    return Lasting(argv, "output of the network's restart", lasting.exit_status, host.ssh)


def _find(target: Target, connection: Connection) -> str:
    ran = connection.run(_LOOK, LOOK_TIMEOUT_S)
    if ran.exit_status != 0:
        raise CannotReach(f"systemctl show {' '.join(MANAGERS)}: {words(ran)}")
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in ran.stdout.split("\n\n")]
    in_use = {unit.get("Id") for unit in units if unit.get("LoadState") == "loaded" and unit.get("ActiveState") in _IN_USE}
    found = next((manager for manager in MANAGERS if manager in in_use), None)
    if found is None:
        raise CannotAct(f"nothing that is known to manage the network is in use; would be right: one of {', '.join(MANAGERS)}")
    target.remember(NETWORK, found)
    return found


@dataclass(frozen=True, slots=True)
class RestartNetwork:
    """``systemctl restart`` of the manager that is in use, even if it has failed."""

    name: str = "restart_network"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(default_factory=lambda: MappingProxyType({}))

    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - it takes none
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,
    ) -> tuple[str, ...]:
        manager = known.get(NETWORK, MANAGERS[0])
        lines = _lasting(host, manager).describe(known, [_LOOK])
        others = [] if NETWORK in known else [item for item in MANAGERS if item != manager]
        instead = [OR + shlex.join(_lasting(host, other).begin(ATTEMPT)) for other in others]
        return (*lines[:-2], *instead, *lines[-2:])

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedUnit:  # noqa: ARG002
        connection = lasting.login(target, connect)
        try:
            manager = _find(target, connection)
        except BaseException:
            connection.close()
            raise
        return PreparedUnit(_lasting(target.host, manager), target, connection, {NETWORK: manager})

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],  # noqa: ARG002
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        return lasting.settle(target, connect, _lasting(target.host, before.get(NETWORK, MANAGERS[0])), attempt)


RESTART_NETWORK = RestartNetwork()
