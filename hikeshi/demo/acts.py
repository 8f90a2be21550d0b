"""The four acts: web01's service dies (for the first time, in a pause, in shadow mode); db01 hangs with a damaged file system."""

import json

from bed.disk_guest import DATA_DEVICE
from domain.reasons import Code
from hikeshi.demo.database import Database
from hikeshi.demo.story import UNIT, Play


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


def fourth_act(story: Play, db01: Database) -> None:
    """A server hangs and its data are damaged: one procedure brings it back, and each power action is accounted for."""
    story.screen.say("story", "ACT 4: db01 hangs, and the file system with its data is damaged.")
    mark, runs = story.record.decision_mark(), len(story.record.runs_by())
    records, accounts = db01.records(), db01.accounts()
    db01.hang()
    story.screen.say("host", f"db01 hangs; blocks of the inode table of {DATA_DEVICE} are overwritten")
    story.until("db01 to be reported", lambda: story.record.codes(mark)[Code.REPORT_WRITTEN] == 1, 300)
    story.until("quiet", lambda: _flows_over(story) and story.quiet(), 30)
    # ping, SSH and the database each fail; that ping comes and goes with the work is told to nobody
    story.expect_mails("fault", "fault", "fault", "work_started", "recovered")
    steps = story.record.power_steps("db01")
    story.expect("power steps of the runbook, each once", steps.done, db01.power_steps())
    story.expect("power orders, counted at the BMC", db01.orders(), steps.orders)
    lost = records - db01.records()
    story.expect("records of the database that are lost, all named in the report", lost, story.record.lost_files(db01.FOLDER))
    story.expect("accounts of the database as before", db01.accounts() == accounts, True)
    story.expect("who did it", [name.split(":")[0] for name in story.record.runs_by()[runs:]], ["flow"])
    story.expect("decisions about web01 meanwhile", story.record.decided("web01", mark), 0)
    story.expect_starts(0)


def _flows_over(story: Play) -> bool:
    return all(state.startswith("COMPLETED/") for _, state in story.record.flow_runs().values())
