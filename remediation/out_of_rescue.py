"""Out of a rescue system: that a host has left it is seen there, since a power control may say it did what it did not (R24)."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.procedure import RESCUE, StepOutcome
from remediation.action import CannotReach, Connect, Leave, Prepared, Result, Target
from remediation.powering import whoever_boots

_POLL_S = 1.0
_AWAY = 2
"""So many logins in a row that do not succeed: one may fail by chance."""


def out_of_rescue(target: Target, prepared: Prepared, connect: Connect) -> Prepared:
    """``prepared``, which restarts the host from its disk; judged by a look where one can log in to the rescue system. Not where
    both systems show the same host key: nobody could tell which of them answers."""
    host = target.host
    if host.rescue is None or (host.ssh is not None and set(host.ssh.host_keys) & set(host.rescue.ssh.host_keys)):
        return prepared
    rescue = whoever_boots(target, RESCUE)
    return _OutOfRescue(prepared, rescue, connect) if _answers(rescue, connect) else prepared


def _answers(rescue: Target, connect: Connect) -> bool:
    try:
        connect(rescue).close()
    except CannotReach:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _OutOfRescue:
    _prepared: Prepared
    _rescue: Target
    _connect: Connect

    @property
    def before(self) -> Mapping[str, str]:
        return self._prepared.before

    def start(self, leave: Leave) -> Result:
        give_up_s = self._rescue.clock.boottime_s() + leave.timeout_s
        result = self._prepared.start(leave)
        if result.outcome is not StepOutcome.DONE:
            return result
        if self._left(give_up_s):
            return Result(result.outcome, f"{result.detail}; its rescue system answers no more", result.command_line)
        still = f"{result.detail}; but after {leave.timeout_s:g} s its rescue system still answers"
        return Result(StepOutcome.FAILED, still, result.command_line)

    def _left(self, give_up_s: float) -> bool:
        away = 0
        while True:
            away = 0 if _answers(self._rescue, self._connect) else away + 1
            if away >= _AWAY:
                return True
            if away == 0 and self._rescue.clock.boottime_s() >= give_up_s:
                return False
            self._rescue.clock.sleep(_POLL_S)

    def close(self) -> None:
        self._prepared.close()
