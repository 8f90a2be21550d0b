"""Switching a host's power, once: what ``power`` and ``reboot`` have in common, whatever the driver."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile, zip_longest
from types import MappingProxyType

from domain.model import Host, PowerControl
from domain.procedure import BOOT, RESCUE, StepOutcome
from remediation.action import (
    NOT_SENT,
    WHERE_OFF,
    Attempted,
    CannotAct,
    CannotReach,
    Connect,
    Leave,
    Result,
    Target,
    TooLate,
)
from remediation.power_command import HYPERVISORS
from remediation.power_driver import DISK, Answer, Order, PowerDriver, PowerSession, Seen
from remediation.power_ipmi import IPMI
from remediation.power_redfish import REDFISH
from remediation.since import started_since

_DRIVERS: tuple[PowerDriver, ...] = (IPMI, REDFISH, *HYPERVISORS)
POWER_DRIVERS: Mapping[str, PowerDriver] = MappingProxyType({driver.name: driver for driver in _DRIVERS})
_POLL_S = 1.0
_RESTARTS = frozenset({Order.CYCLE, Order.RESET})


@dataclass(frozen=True, slots=True)
class Wish:
    """``boot``: ``disk`` or ``rescue``; ``device`` is the driver's word for it, ``None`` where what is booted is never changed."""

    control: PowerControl
    driver: PowerDriver
    order: Order
    boot: str
    device: str | None


def wish(host: Host, order: Order, boot: str = DISK) -> Wish:
    """What is to be done to this host's power. Raises ``CannotAct``.

    Of a host with a rescue system what it boots is set each time, so that no run finds what an earlier one left.
    """
    control = host.power
    if control is None:
        raise CannotAct(f"the inventory names no power control of {host.id}")
    driver = POWER_DRIVERS.get(control.driver)
    if driver is None:
        raise CannotAct(f"no such power driver: {control.driver!r}")
    if order not in driver.orders:
        raise CannotAct(f"{driver.name} has no {order}; it has {', '.join(sorted(driver.orders))}")
    if boot == RESCUE and host.rescue is None:
        raise CannotAct(f"the inventory names no rescue system of {host.id}")
    device = None
    if host.rescue is not None and order is not Order.OFF:
        device = host.rescue.boot if boot == RESCUE else DISK
        if host.rescue.boot not in driver.boots:
            raise CannotAct(f"{driver.name} can't boot a rescue system from {host.rescue.boot!r}")
    return Wish(control, driver, order, boot, device)


def describe(wished: Wish) -> tuple[str, ...]:
    """The lines of a restart, each with what comes in its place where there is nothing to restart."""
    lines = wished.driver.describe(wished.control, wished.order, wished.device)
    if wished.order not in _RESTARTS:
        return lines
    start = wished.driver.describe(wished.control, Order.ON, wished.device)
    first = _alike(lines, start)
    last = _alike(lines[first:][::-1], start[first:][::-1])
    orders = zip_longest(lines[first : len(lines) - last], start[first : len(start) - last], fillvalue=NOT_SENT)
    told = (line for order, instead in orders for line in (order, WHERE_OFF + instead))
    return (*lines[:first], *told, *lines[len(lines) - last :])


def _alike(some: Sequence[str], others: Sequence[str]) -> int:
    """How many lines both begin with."""
    return sum(1 for _ in takewhile(lambda both: both[0] == both[1], zip(some, others, strict=False)))


class PreparedPower:
    """A power control that has been looked at. ``before`` holds what was seen there, and what is to be ordered in the end."""

    def __init__(self, target: Target, wished: Wish, session: PowerSession, seen: Seen) -> None:
        self._clock = target.clock
        self._wished = wished
        self._session = session
        self._seen = seen
        # What is off can't be restarted, only started.
        self._order = Order.ON if seen.on is False and wished.order in _RESTARTS else wished.order
        self.before: Mapping[str, str] = {
            "order": self._order,
            BOOT: wished.boot,
            "state": seen.state,
            "health": seen.health,
            "trace": seen.trace if self._order in wished.driver.traces else "",
        }

    def start(self, leave: Leave) -> Result:
        before = f"before: {self._seen.state}, {self._seen.health}"
        if self._order not in _RESTARTS and _meant(self._order, self._seen, ""):
            return Result(StepOutcome.DONE, f"nothing ordered, since it is {self._seen.state}; {before}")
        lines: list[str] = []
        said: list[str] = [before]
        if self._wished.device is not None:
            answer = self._session.boot_from(self._wished.device, leave.guard)
            lines.append(answer.line)
            if not answer.accepted:
                outcome = StepOutcome.NOT_DONE if not answer.sent else StepOutcome.FAILED
                return Result(
                    outcome, f"{before}; what it boots could not be set, so nothing was switched: {answer.said}", lines[0]
                )
            said.append(f"boots {self._wished.device} from now on")
        # Now whoever restarts it, or it itself, boots that: with the rescue system set it is no more as if nothing had been done.
        changed = self._wished.device not in (None, DISK)
        try:
            answer = self._session.switch(self._order, leave.guard)
        except TooLate as error:
            said.append(str(error))
            if changed:
                return Result(StepOutcome.FAILED, "; ".join(said), " && ".join(lines))
            raise TooLate("; ".join(said[1:])) from error
        lines.append(answer.line)
        said.append(f"ordered: {self._order}; {answer.said}")
        if not answer.accepted:
            return Result(_not_taken(answer, changed), "; ".join(said), " && ".join(lines))
        outcome, after = self._confirmed(leave.timeout_s)
        return Result(outcome, "; ".join([*said, after]), " && ".join(lines))

    def _confirmed(self, timeout_s: float) -> tuple[StepOutcome, str]:
        """Look until the control says what was meant. Its word only: whether the host is back, the watcher sees."""
        give_up_s = self._clock.boottime_s() + timeout_s
        while True:
            try:
                seen = self._session.look()
            except CannotReach as error:
                outcome, after = StepOutcome.UNKNOWN, f"since then {error}"
            else:
                if _meant(self._order, seen, self.before["trace"]):
                    return StepOutcome.DONE, f"after: {seen.state}"
                why = ", and not restarted by its own record" if seen.on and self._order in _RESTARTS else ""
                outcome, after = StepOutcome.FAILED, f"after {timeout_s:g} s: {seen.state}{why}"
            if self._clock.boottime_s() >= give_up_s:
                return outcome, after
            self._clock.sleep(_POLL_S)

    def close(self) -> None:
        self._session.close()


def _not_taken(answer: Answer, changed: bool) -> StepOutcome:
    if not answer.sent:
        return StepOutcome.FAILED if changed else StepOutcome.NOT_DONE
    return StepOutcome.UNKNOWN if answer.accepted is None else StepOutcome.FAILED


def _meant(order: Order, seen: Seen, trace: str) -> bool:
    """Is this what the order is for? A restart shows by its trace where the control keeps one; else nothing tells it from none."""
    if order is Order.OFF:
        return seen.on is False
    if order is Order.ON:
        return seen.on is True
    return seen.on is True and (not trace or seen.trace not in ("", trace))


def prepare(target: Target, wished: Wish, connect: Connect) -> PreparedPower:
    """Look at state and health (R21, level 1). Raises ``CannotReach`` and ``CannotAct``."""
    session = wished.driver.open(target, wished.control, connect)
    try:
        return PreparedPower(target, wished, session, session.look())
    except BaseException:
        session.close()
        raise


def settle(target: Target, wished: Wish, before: Mapping[str, str], connect: Connect, attempt: Attempted) -> Result:
    """What became of an order that nobody knows the end of: by the control's state or trace, else by the host's own age. What was
    seen to be as before may still come, so it is ``UNKNOWN`` too."""
    order = Order(before["order"])
    asked_boot_s = target.clock.boottime_s()

    def witness() -> tuple[bool | None, str]:
        found, said = _by_control(target, wished, before, connect)
        if found is None and order is not Order.OFF:
            found, by_host = started_since(whoever_boots(target, before[BOOT]), connect, attempt, asked_boot_s)
            said = f"{said}; {by_host}"
        return found, said

    return poll(target, attempt, witness)


def poll(target: Target, attempt: Attempted, witness: Callable[[], tuple[bool | None, str]]) -> Result:
    """``DONE`` as soon as ``witness`` has seen it happen, ``UNKNOWN`` when it has not within the attempt's timeout."""
    give_up_s = target.clock.boottime_s() + attempt.timeout_s
    while True:
        found, said = witness()
        if found:
            return Result(StepOutcome.DONE, f"seen since: {said}")
        if target.clock.boottime_s() >= give_up_s:
            return Result(StepOutcome.UNKNOWN, f"not seen to have happened: {said}")
        target.clock.sleep(_POLL_S)


def _by_control(target: Target, wished: Wish, before: Mapping[str, str], connect: Connect) -> tuple[bool | None, str]:
    """``None`` where its word says nothing about the order."""
    order = Order(before["order"])
    try:
        session = wished.driver.open(target, wished.control, connect)
    except (CannotReach, CannotAct) as error:
        return None, str(error)
    try:
        seen = session.look()
    except CannotReach as error:
        return None, str(error)
    finally:
        session.close()
    said = f"it is {seen.state}, {seen.health}"
    if order in _RESTARTS and not (before["trace"] and seen.trace):
        return None, said
    return _meant(order, seen, before["trace"]), said


def whoever_boots(target: Target, boot: str) -> Target:
    """The target, as it can be logged in to after this boot."""
    rescue = target.host.rescue
    if boot != RESCUE or rescue is None:
        return target
    return replace(target, host=replace(target.host, ssh=rescue.ssh, address=rescue.address or target.host.address))
