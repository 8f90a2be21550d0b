"""A story that is being played: it waits for what must happen, and judges by what can be seen whether it did."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from domain.ports import Clock
from hikeshi.demo.record import Record
from hikeshi.demo.screen import Screen
from hikeshi.demo.stage import Stage
from hikeshi.throwaway import StageError

UNIT = "nginx"
POLL_S = 0.25
CONTACTS = ("office", "engineering")


@dataclass(slots=True)
class Play:
    """The running story."""

    stage: Stage
    record: Record
    screen: Screen
    clock: Clock
    wrong: list[str] = field(default_factory=list)
    mails: Counter[tuple[str, str]] = field(default_factory=Counter)
    starts: int = 1

    def until(self, what: str, true: Callable[[], bool], timeout_s: float = 45.0) -> None:
        """Go on when it is so; a story that gets stuck ends with what it waited for."""
        give_up_s = self.clock.boottime_s() + timeout_s
        while not true():
            self.stage.still_up()
            if self.clock.boottime_s() > give_up_s:
                raise StageError(f"waited {timeout_s:g} s in vain for: {what}")
            self.record.pump()
            self.clock.sleep(POLL_S)
        self.record.pump()

    def linger(self, seconds: float) -> None:
        """Give everything that should not happen the time to happen."""
        end_s = self.clock.boottime_s() + seconds
        while self.clock.boottime_s() < end_s:
            self.record.pump()
            self.clock.sleep(POLL_S)

    def expect(self, what: str, found: object, wanted: object) -> None:
        """One line of the verdict."""
        if found == wanted:
            self.screen.say("check", f"{what}: {_short(found)}")
        else:
            self.wrong.append(what)
            self.screen.say("wrong", f"{what}: {_short(found)}, expected {_short(wanted)}")

    def expect_mails(self, *messages: str, operators: tuple[tuple[str, str], ...] = ()) -> None:
        """The mails since the last time are these, to each contact, and no others."""
        now = self.record.mails()
        wanted = Counter([(message, contact) for message in messages for contact in CONTACTS] + list(operators))
        self.expect("mails", dict(sorted((now - self.mails).items())), dict(sorted(wanted.items())))
        self.mails = now

    def expect_starts(self, more: int) -> None:
        """The host itself counted so many starts of the service since the last time."""
        found = self.stage.host.service_starts(UNIT)
        self.expect("starts of nginx, counted on the host", found - self.starts, more)
        self.starts = found

    def all_up(self) -> bool:
        """Is every check up that can be judged? Without leave to ping, ping stays unknown."""
        verdicts = self.record.verdicts()
        return len(verdicts) == self.stage.checks and all(
            verdict == "up" or (name.endswith("/ping") and verdict == "unknown" and self.stage.why_plain is not None)
            for name, verdict in verdicts.items()
        )

    def quiet(self) -> bool:
        return self.record.undecided() == 0 and self.record.commands_open() == 0


def _short(value: object) -> str:
    if isinstance(value, dict):
        named = {key if isinstance(key, str) else " to ".join(key): count for key, count in value.items()}
        return ", ".join(f"{key}{f' ×{count}' if count > 1 else ''}" for key, count in named.items()) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return f"{len(value)} ({', '.join(sorted(value)[:3])} …)" if value else "none"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
