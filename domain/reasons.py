"""Why: every decision names its codes, every code its source. The words for them are in ``notify.reasons`` (ja, en)."""

from enum import StrEnum
from typing import NamedTuple

from domain.commands import NO_FACTS, Facts


class Code(StrEnum):
    """Reason codes. ``GATE_…`` are the gate's refusals; the rest is what happened."""

    # faults and their messages
    OPENED = "opened"
    OPENED_IN_PAUSE = "opened_in_pause"
    REOPENED = "reopened"
    JOINED = "joined"
    OWN_WORK = "own_work"
    BEHIND_PARENT = "behind_parent"
    PARENT_ASKED = "parent_asked"
    SAME_SERVICE = "same_service"
    SAME_AGENT = "same_agent"
    FAULT_TOLD = "fault_told"
    LEVEL_CHANGED = "level_changed"
    LEVEL_TOLD = "level_told"
    CLEARED = "cleared"
    RECOVERED = "recovered"
    RECOVERED_SILENTLY = "recovered_silently"
    RECOVERY_HELD_BACK = "recovery_held_back"
    FLAPPING = "flapping"
    SETTLED = "settled"
    OCCURRED = "occurred"
    OCCURRED_IN_PAUSE = "occurred_in_pause"
    OCCURRED_IN_WORK = "occurred_in_work"
    OCCURRED_TOO_OFTEN = "occurred_too_often"
    # evidence and clocks
    EVIDENCE_LOST = "evidence_lost"
    EVIDENCE_RESTARTED = "evidence_restarted"
    CLOCK_STARTED = "clock_started"
    CLOCK_STOPPED = "clock_stopped"
    # work
    RUN_STARTED = "run_started"
    WOULD_RUN = "would_run"
    WORK_TOLD = "work_told"
    RUN_FIXED = "run_fixed"
    RUN_GONE = "run_gone"
    RUN_NOT_FIXED = "run_not_fixed"
    RUN_UNKNOWN = "run_unknown"
    RUN_REFUSED = "run_refused"
    RUN_LOST = "run_lost"
    IN_RESCUE = "in_rescue"
    OWN_SYSTEM = "own_system"
    STEP_DONE = "step_done"
    NOT_RECOVERED_TOLD = "not_recovered_told"
    REPORT_ASKED = "report_asked"
    REPORT_WRITTEN = "report_written"
    REPORT_FAILED = "report_failed"
    # what is known of runbooks
    RUNBOOK_APPROVED = "runbook_approved"
    RUNBOOK_REVOKED = "runbook_revoked"
    RUNBOOK_REHEARSED = "runbook_rehearsed"
    RUNBOOK_NOT_PASSED = "runbook_not_passed"
    RUNBOOK_LOWERED = "runbook_lowered"
    RUNBOOK_RAISED = "runbook_raised"
    OWN_JUDGEMENT = "own_judgement"
    # people
    HANDED_OVER = "handed_over"
    PAGED = "paged"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGER_LEFT = "acknowledger_left"
    NOT_WORKED_ON = "not_worked_on"
    OUT_OF_SIGHT = "out_of_sight"
    NOTED = "noted"
    HOLD_SET = "hold_set"
    HOLD_RELEASED = "hold_released"
    PAUSE_SET = "pause_set"
    PAUSE_CANCELLED = "pause_cancelled"
    DELIVERED = "delivered"
    """No decision: the record of a message, shown among them; so is the next."""
    NOT_NEEDED = "not_needed"
    REQUEST_LATE = "request_late"
    DELIVERY_FAILED = "delivery_failed"
    # configuration
    POLICY_CHANGED = "policy_changed"
    INVENTORY_REFUSED = "inventory_refused"
    WATCHER_SILENT = "watcher_silent"
    WATCHER_CUT_OFF = "watcher_cut_off"
    WATCHER_SEES = "watcher_sees"
    TRAPS_REFUSED = "traps_refused"
    TRAPS_UNHEARD = "traps_unheard"
    SYSLOG_REFUSED = "syslog_refused"
    SYSLOG_UNHEARD = "syslog_unheard"
    MASS_OUTAGE = "mass_outage"
    MASS_OUTAGE_OVER = "mass_outage_over"
    HOST_REMOVED = "host_removed"
    HOST_MOVED = "host_moved"
    CHECK_REMOVED = "check_removed"
    # the engine itself
    EVENT_SET_ASIDE = "event_set_aside"
    CLOCK_STEPPED = "clock_stepped"
    # nothing
    STALE = "stale"
    NOT_WATCHED = "not_watched"
    NO_CHANGE = "no_change"
    # the gate
    ADMITTED = "admitted"
    GATE_STOP_FILE = "gate_stop_file"
    GATE_HOLD_ALL = "gate_hold_all"
    GATE_HOLD = "gate_hold"
    GATE_PAUSE = "gate_pause"
    GATE_MODE_OFF = "gate_mode_off"
    GATE_MODE_SHADOW = "gate_mode_shadow"
    GATE_RUNBOOK_UNAPPROVED = "gate_runbook_unapproved"
    GATE_RUNBOOK_LOWERED = "gate_runbook_lowered"
    GATE_UNKNOWN = "gate_unknown"
    GATE_FAULT_GONE = "gate_fault_gone"
    GATE_NOT_COVERED = "gate_not_covered"
    GATE_NO_PROCEDURE = "gate_no_procedure"
    GATE_FLAPPING = "gate_flapping"
    GATE_TRIED = "gate_tried"
    GATE_BUSY = "gate_busy"
    GATE_LIMIT = "gate_limit"
    GATE_SERVER_NOT_COVERED = "gate_server_not_covered"
    GATE_WAIT = "gate_wait"
    GATE_MASS_OUTAGE = "gate_mass_outage"
    GATE_MASS_OUTAGE_LONG = "gate_mass_outage_long"
    GATE_PARENT_DOWN = "gate_parent_down"
    GATE_POWER_AT_ONCE = "gate_power_at_once"
    GATE_POWER_RATE = "gate_power_rate"
    GATE_CLAIM_LOST = "gate_claim_lost"
    GATE_ATTEMPTED = "gate_attempted"
    GATE_TARGET_CHANGED = "gate_target_changed"
    GATE_POWER_SPENT = "gate_power_spent"
    GATE_NO_TIME_BACK = "gate_no_time_back"


SPEC: dict[Code, str] = {
    Code.OPENED: "R1",
    Code.OPENED_IN_PAUSE: "R51",
    Code.REOPENED: "R26",
    Code.JOINED: "R2",
    Code.OWN_WORK: "R24",
    Code.BEHIND_PARENT: "C53",
    Code.PARENT_ASKED: "C53",
    Code.SAME_SERVICE: "R9",
    Code.SAME_AGENT: "R9",
    Code.FAULT_TOLD: "R2",
    Code.LEVEL_CHANGED: "R1",
    Code.LEVEL_TOLD: "R4",
    Code.CLEARED: "R24",
    Code.RECOVERED: "R24",
    Code.RECOVERED_SILENTLY: "R51",
    Code.RECOVERY_HELD_BACK: "R51",
    Code.FLAPPING: "C54",
    Code.SETTLED: "C54",
    Code.OCCURRED: "C15",
    Code.OCCURRED_IN_PAUSE: "R51",
    Code.OCCURRED_IN_WORK: "R24",
    Code.OCCURRED_TOO_OFTEN: "C54",
    Code.EVIDENCE_LOST: "C52",
    Code.EVIDENCE_RESTARTED: "R20",
    Code.CLOCK_STARTED: "R20",
    Code.CLOCK_STOPPED: "R20",
    Code.RUN_STARTED: "R20",
    Code.WOULD_RUN: "R26",
    Code.WORK_TOLD: "R20",
    Code.RUN_FIXED: "R24",
    Code.RUN_GONE: "R20",
    Code.RUN_NOT_FIXED: "R25",
    Code.RUN_UNKNOWN: "R26",
    Code.RUN_REFUSED: "R26",
    Code.RUN_LOST: "R22",
    Code.IN_RESCUE: "R24",
    Code.OWN_SYSTEM: "R24",
    Code.STEP_DONE: "P41",
    Code.NOT_RECOVERED_TOLD: "R25",
    Code.REPORT_ASKED: "P2",
    Code.REPORT_WRITTEN: "P2",
    Code.REPORT_FAILED: "P2",
    Code.RUNBOOK_APPROVED: "R26",
    Code.RUNBOOK_REVOKED: "R26",
    Code.RUNBOOK_REHEARSED: "P41",
    Code.RUNBOOK_NOT_PASSED: "P41",
    Code.RUNBOOK_LOWERED: "R26",
    Code.RUNBOOK_RAISED: "R26",
    Code.OWN_JUDGEMENT: "R26",
    Code.HANDED_OVER: "R25",
    Code.PAGED: "R25",
    Code.ACKNOWLEDGED: "P41",
    Code.ACKNOWLEDGER_LEFT: "R25",
    Code.NOT_WORKED_ON: "R26",
    Code.OUT_OF_SIGHT: "C52",
    Code.NOTED: "P41",
    Code.HOLD_SET: "R26",
    Code.HOLD_RELEASED: "R26",
    Code.PAUSE_SET: "R50",
    Code.PAUSE_CANCELLED: "R50",
    Code.DELIVERED: "R8",
    Code.NOT_NEEDED: "R25",
    Code.REQUEST_LATE: "R26",
    Code.DELIVERY_FAILED: "R8",
    Code.POLICY_CHANGED: "P41",
    Code.HOST_REMOVED: "P41",
    Code.HOST_MOVED: "P41",
    Code.INVENTORY_REFUSED: "P41",
    Code.WATCHER_SILENT: "C52",
    Code.WATCHER_CUT_OFF: "C52",
    Code.WATCHER_SEES: "C52",
    Code.TRAPS_REFUSED: "C15",
    Code.TRAPS_UNHEARD: "C15",
    Code.SYSLOG_REFUSED: "C40",
    Code.SYSLOG_UNHEARD: "C40",
    Code.MASS_OUTAGE: "R26",
    Code.MASS_OUTAGE_OVER: "R26",
    Code.CHECK_REMOVED: "P41",
    Code.EVENT_SET_ASIDE: "P41",
    Code.CLOCK_STEPPED: "P42",
    Code.STALE: "C52",
    Code.NOT_WATCHED: "P41",
    Code.NO_CHANGE: "P41",
    Code.ADMITTED: "R26",
    Code.GATE_STOP_FILE: "R26",
    Code.GATE_HOLD_ALL: "R26",
    Code.GATE_HOLD: "R26",
    Code.GATE_PAUSE: "R51",
    Code.GATE_MODE_OFF: "R26",
    Code.GATE_MODE_SHADOW: "R26",
    Code.GATE_RUNBOOK_UNAPPROVED: "R26",
    Code.GATE_RUNBOOK_LOWERED: "R26",
    Code.GATE_UNKNOWN: "C52",
    Code.GATE_FAULT_GONE: "R20",
    Code.GATE_NOT_COVERED: "R20",
    Code.GATE_NO_PROCEDURE: "R25",
    Code.GATE_FLAPPING: "C54",
    Code.GATE_TRIED: "R26",
    Code.GATE_BUSY: "R26",
    Code.GATE_LIMIT: "R26",
    Code.GATE_SERVER_NOT_COVERED: "R22",
    Code.GATE_WAIT: "R20",
    Code.GATE_MASS_OUTAGE: "R26",
    Code.GATE_MASS_OUTAGE_LONG: "R26",
    Code.GATE_PARENT_DOWN: "C53",
    Code.GATE_POWER_AT_ONCE: "R26",
    Code.GATE_POWER_RATE: "R26",
    Code.GATE_CLAIM_LOST: "R26",
    Code.GATE_ATTEMPTED: "R26",
    Code.GATE_TARGET_CHANGED: "R26",
    Code.GATE_POWER_SPENT: "R26",
    Code.GATE_NO_TIME_BACK: "R22",
}


class Reason(NamedTuple):
    """One line of a decision record."""

    code: Code
    facts: Facts = NO_FACTS
