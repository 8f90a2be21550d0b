"""The story in three acts, and the verdict: every expected thing happened, and nothing else."""

import contextlib
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from domain.ports import Clock
from domain.reasons import Code
from hikeshi.demo.record import Record
from hikeshi.demo.screen import Screen
from hikeshi.demo.stage import Stage
from hikeshi.exits import Exit
from hikeshi.throwaway import StageError
from store.clock import SystemClock

GUESTS_UMASK = 0o022
"""The guest's files are made here, and its own users must be able to read them; the demo's folder is closed as a whole."""
UNIT = "nginx"
POLL_S = 0.25
CONTACTS = ("office", "engineering")
SENDER = "monitoring@hosting.example"


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
        return len(verdicts) == 3 and all(
            verdict == "up" or (name.endswith("/ping") and verdict == "unknown" and self.stage.why_plain is not None)
            for name, verdict in verdicts.items()
        )

    def quiet(self) -> bool:
        return self.record.undecided() == 0 and self.record.commands_open() == 0


def play(*, stay: bool, plain: bool, picture: Path | None) -> Exit:
    """Set the stage, play the three acts, and say where everything is."""
    clock = SystemClock()
    os.umask(GUESTS_UMASK)
    try:
        with Stage(clock, plain=plain) as stage:
            code = _perform(stage, clock, picture)
            _tell_where(stage, stay=stay)
            if stay:
                _stay(stage, clock)
            return code
    except StageError as error:
        print(f"hikeshi: the demo could not go on: {error}")
        return Exit.REFUSED


def _perform(stage: Stage, clock: Clock, picture: Path | None) -> Exit:
    with Screen(clock) as screen:
        if stage.why_plain is not None:
            screen.say("story", f"No guest here ({stage.why_plain}): an sshd and a web server of your own user stand in for web01.")
        screen.say("story", f"web01 is up at {stage.host.address}; now `hikeshi up`: engine, watcher, hands, Prefect, ingress.")
        stage.start_up()
        story = Play(stage, Record(stage.context, stage.mails, screen, SENDER), screen, clock)
        _ready(story)
        first_act(story)
        second_act(story)
        third_act(story)
        good = not story.wrong
        screen.say(
            "check" if good else "wrong", "Every expected thing happened, and nothing else." if good else "; ".join(story.wrong)
        )
    if picture is not None:
        screen.save(picture)
    return Exit.OK if good else Exit.REFUSED


def _ready(story: Play) -> None:
    """The store is there, every check has been seen up, and Prefect knows the flows."""
    story.until("the store", story.record.there, 30)
    story.stage.allow_sudo()
    story.until("all checks to be up", story.all_up, 30)
    story.until("Prefect and its flows", story.record.prefect_ready, 90)
    story.until("quiet", story.quiet, 10)
    story.mails = story.record.mails()
    story.starts = story.stage.host.service_starts(UNIT)


def first_act(story: Play) -> None:
    """A dead service: seen, told, restarted over SSH, told, accounted for."""
    story.screen.say("story", "ACT 1: nginx on web01 is killed and stays dead.")
    mark = story.record.decision_mark()
    story.stage.host.break_service(UNIT)
    story.screen.say("host", "nginx is dead")
    story.until("the report of the first incident", lambda: story.record.codes(mark)[Code.REPORT_WRITTEN] == 1, 60)
    story.until("its flow run to end", lambda: _flows_over(story) and story.quiet(), 30)
    story.expect_mails("fault", "work_started", "recovered")
    story.expect_starts(1)
    story.expect("who did it", [name.split(":")[0] for name in story.record.runs_by()], ["flow"])
    reports = sorted(path.name for path in story.stage.settings.reports.glob("*.pdf"))
    story.expect("incident reports", reports, ["INC-000001.en.pdf", "INC-000001.ja.pdf"])


def second_act(story: Play) -> None:
    """The same fault in a maintenance pause: recorded, and nothing else."""
    story.screen.say("story", "ACT 2: web01 is in a maintenance pause, and nginx dies again.")
    mark = story.record.decision_mark()
    said = story.stage.hikeshi("pause", "--host", "web01", "--minutes", "10", "--reason", "kernel update")
    pause = said.split()[1].rstrip(":")
    story.until("the pause to be recorded", lambda: story.record.codes(mark)[Code.PAUSE_SET] == 1)
    story.stage.host.break_service(UNIT)
    story.screen.say("host", "nginx is dead")
    story.until("the fault to be recorded", lambda: story.record.codes(mark)[Code.OPENED_IN_PAUSE] == 1)
    story.linger(8.0)
    story.expect_mails()
    story.expect_starts(0)
    for line in json.loads(story.stage.hikeshi("explain", "INC-000002", "--json")):
        story.screen.say("explain", f"hikeshi explain INC-000002: {line['text']} [{line['code']}, {line['spec']}]")
    story.screen.say("host", "nginx is started again by hand")
    story.stage.host.restart_service(UNIT)
    story.until("the silent end", lambda: story.record.codes(mark)[Code.RECOVERED_SILENTLY] == 1)
    story.stage.hikeshi("pause", "--cancel", pause)
    story.linger(3.0)
    story.expect_mails()
    story.expect_starts(1)  # ours, by hand


def third_act(story: Play) -> None:
    """The same fault in shadow mode: people are told, and the record says what would have been done."""
    story.screen.say("story", "ACT 3: automation for web01 is set to shadow in the inventory, and nginx dies once more.")
    mark = story.record.decision_mark()
    story.stage.write_hosts("shadow")
    story.until("the inventory to be accepted", lambda: story.record.codes(mark)[Code.POLICY_CHANGED] >= 1)
    story.stage.host.break_service(UNIT)
    story.screen.say("host", "nginx is dead")
    story.until("what would have been done", lambda: story.record.codes(mark)[Code.WOULD_RUN] == 1)
    story.stage.hikeshi("ack", "INC-000003")
    story.linger(6.0)
    story.expect_starts(0)
    story.expect_mails("fault", operators=(("page", "first-line"),))
    story.screen.say("host", "an operator repairs nginx by hand")
    story.stage.host.restart_service(UNIT)
    story.until("the second report", lambda: story.record.codes(mark)[Code.REPORT_WRITTEN] == 1, 60)
    story.until("quiet", lambda: _flows_over(story) and story.quiet(), 30)
    story.expect_mails("recovered", operators=(("notice", "first-line"),))
    story.expect_starts(1)  # the operator's
    story.expect("runs in all", len(story.record.runs_by()), 1)
    story.expect("actions in all", story.record.actions(), 1)


def _flows_over(story: Play) -> bool:
    return all(state.startswith("COMPLETED/") for _, state in story.record.flow_runs().values())


def _tell_where(stage: Stage, *, stay: bool) -> None:
    """Only what is still there when this has ended; the Prefect server is, with ``--stay``."""
    print()
    print(f"mails       {stage.mails}")
    print(f"reports     {stage.settings.reports}")
    print(f"records     {_command()} --home {stage.settings.home} explain INC-000001")
    print(f"logs        {stage.log} and {stage.settings.home / 'log'}")
    if stay:
        print(f"Prefect UI  {stage.settings.prefect_url} (sign in with the text in {stage.settings.prefect_credential})")
    else:
        print("To see the runs in the Prefect UI as well, play it with --stay.")


def _command() -> str:
    """How this very program is called from here: the way that a reader can copy."""
    beside = Path(sys.executable).with_name("hikeshi")
    if not beside.exists():
        return f"{sys.executable} -m hikeshi"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


def _stay(stage: Stage, clock: Clock) -> None:
    print("\nEverything stays up until Ctrl-C.")
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            stage.still_up()
            clock.sleep(1.0)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{' to '.join(key)}{f' ×{count}' if count > 1 else ''}" for key, count in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "none"
    return str(value)
