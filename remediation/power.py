"""Switch a host's power from outside (R21), whatever state the host is in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host
from domain.procedure import BOOT, RESCUE, Effect, Parameter, StepOutcome
from remediation import powering
from remediation.action import NOTHING, Attempted, CannotAct, Connect, Prepared, Result, Target
from remediation.out_of_rescue import out_of_rescue
from remediation.power_driver import DISK, Order
from runbooks.spec import ParameterSpec


def _order(value: object) -> Parameter:
    if not isinstance(value, str) or value not in set(Order):
        raise ValueError("cycle, reset, on or off")
    return value


def _boot(value: object) -> Parameter:
    if value not in (DISK, RESCUE):
        raise ValueError(f"{DISK} or {RESCUE}")
    return str(value)


def _wish(host: Host, parameters: Mapping[str, Parameter]) -> powering.Wish:
    order, boot = Order(str(parameters["do"])), str(parameters.get(BOOT, DISK))
    if order is Order.OFF and BOOT in parameters:
        raise CannotAct("what is switched off boots nothing")
    return powering.wish(host, order, boot)


@dataclass(frozen=True, slots=True)
class Power:
    """``DONE`` is the word of the power control, which may lie: whether the host is back, the watcher sees; whether it has left its
    rescue system, this looks itself."""

    name: str = "power"
    effect: Effect = Effect.POWER
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(
        default_factory=lambda: MappingProxyType(
            {
                "do": ParameterSpec("cycle or reset (switches on what is off), on, or off", _order, required=True),
                BOOT: ParameterSpec("disk or rescue: what the host boots from now on; disk by default", _boot, default=DISK),
            }
        )
    )

    # Other kinds of action need the rest.
    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,  # noqa: ARG002
    ) -> tuple[str, ...]:
        return powering.describe(_wish(host, parameters))

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> Prepared:
        wished = _wish(target.host, parameters)
        prepared = powering.prepare(target, wished, connect)
        return out_of_rescue(target, prepared, connect) if wished.boot == DISK else prepared

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        try:
            wished = _wish(target.host, parameters)
        except CannotAct as error:
            return Result(StepOutcome.UNKNOWN, f"could not look what became of it: {error}")
        return powering.settle(target, wished, before, connect, attempt)


POWER = Power()
