"""The story from its beginning to its end, and the verdict: every expected thing happened, and nothing else."""

import contextlib
import os
import sys
from pathlib import Path

from domain.ports import Clock
from hikeshi.demo.acts import first_act, fourth_act, second_act, third_act
from hikeshi.demo.record import Record
from hikeshi.demo.screen import Screen
from hikeshi.demo.stage import Stage
from hikeshi.demo.story import UNIT, Play
from hikeshi.exits import Exit
from hikeshi.throwaway import StageError
from store.clock import SystemClock

GUESTS_UMASK = 0o022
"""The guest's files are made here, and its own users must be able to read them; the demo's folder is closed as a whole."""
SENDER = "monitoring@hosting.example"


def play(*, stay: bool, plain: bool, picture: Path | None) -> Exit:
    """Set the stage, play the acts, and say where everything is."""
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
        if stage.db01 is not None:
            fourth_act(story, stage.db01)
        else:
            screen.say("story", "ACT 4 needs guests: db01, whose disks break and whose power is switched, cannot be played here.")
        good = not story.wrong
        screen.say(
            "check" if good else "wrong", "Every expected thing happened, and nothing else." if good else "; ".join(story.wrong)
        )
    if picture is not None:
        screen.save(picture)
    return Exit.OK if good else Exit.REFUSED


def _ready(story: Play) -> None:
    """The store is there, every check has been seen up, and Prefect knows the flows."""
    story.until("the store", story.record.there, 60)
    story.stage.allow_sudo()
    story.until("all checks to be up", story.all_up, 60)
    story.until("Prefect and its flows", story.record.prefect_ready, 180)
    story.until("quiet", story.quiet, 10)
    story.mails = story.record.mails()
    story.starts = story.stage.host.service_starts(UNIT)


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
