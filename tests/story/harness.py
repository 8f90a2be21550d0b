"""One watched host, a virtual clock, and words to tell what happens: so that a story reads as prose.

Everything that the engine would be told goes through ``step``, and every timer fires when it is due. A story says all that it
expects: a mail, a page or a run that no line spoke of fails the next ``expect_…``.
"""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sample_policy import CHECKS, CPU, CUSTOMER, HOST, OTHER, SWAP, TRUST, policy
from simulation.invariants import History, Taken, hold_for, run_timers, survives_the_store

from domain import events as ev
from domain.commands import Command, Fact, Message, Notify, Report, Run
from domain.due import next_due_s
from domain.incident import step
from domain.model import Check, Policy
from domain.observation import Limit, Verdict
from domain.pauses import Pause
from domain.reasons import Code, Reason
from domain.state import NOWHERE, Above, HostState, Incident, Situation, Whereabouts
from domain.stepped import moved, renewed
from domain.trust import End, Learnt, Trust

ZONE = "Asia/Tokyo"
START_S = datetime(2026, 3, 2, 10, 0, tzinfo=ZoneInfo(ZONE)).timestamp()
CONFIRMED_AFTER_S = 120.0
"""Three looks a minute apart (C2)."""


class World:
    def __init__(self, inventory: Policy | None = None, *, held: bool = False, stop_file: bool = False) -> None:
        self.now_s = START_S
        self.situation = Situation(
            policy=inventory or policy(), host=None, held=held, stop_file=stop_file, new_id="INC-000001", trust=TRUST
        )
        self._accept(self.situation.policy)
        self.state = HostState(HOST)
        self.waiting: list[Command] = []
        self.reasons: list[Reason] = []
        """Of everything since the last thing that happened."""
        self.last_run: str | None = None
        self.learnt: list[Learnt] = []
        self._history = History.empty()
        self._events = 0
        self._incidents = 1
        self._parent = ""

    # what happens

    def down(
        self,
        name: str,
        detail: str = "connection refused",
        value: float | None = None,
        confirmed_at_s: float | None = None,
        after_s: float = CONFIRMED_AFTER_S,
    ) -> None:
        """The watcher has confirmed a fault; its first failing look was two minutes before, or ``after_s``."""
        at_s = confirmed_at_s if confirmed_at_s is not None else self.now_s
        since_s = at_s - after_s
        self._verdict(name, Verdict.DOWN, detail, at_s=at_s, fault_at_s=since_s, evidence_since_s=since_s, value=value)

    def name_fails(self, name: str) -> None:
        """Where the check's name leads is not known; what else fails there then, nobody sees (C50)."""
        fault = self.state.incident.fault(f"{HOST}/{name}") if self.state.incident is not None else None
        since_s = fault.evidence_since_s if fault is not None else self.now_s - CONFIRMED_AFTER_S
        self._verdict(
            name, Verdict.DOWN, "name resolution failed: www", fault_at_s=since_s, evidence_since_s=since_s, told_only=True
        )

    def passes(self, name: str, limit: Limit, value: float) -> None:
        """The watcher has confirmed a value beyond a limit, for the first time or instead of another one."""
        fault = self.state.incident.fault(f"{HOST}/{name}") if self.state.incident is not None else None
        since_s = fault.fault_at_s if fault is not None else self.now_s - CONFIRMED_AFTER_S
        evidence_s = fault.evidence_since_s if fault is not None else since_s
        self._verdict(name, Verdict.DOWN, fault_at_s=since_s, evidence_since_s=evidence_s, value=value, limit=limit)

    def gap(self, name: str, limit: Limit | None = None) -> None:
        """The fault goes on, but for a while nobody looked."""
        fault = self.incident.fault(f"{HOST}/{name}")
        assert fault is not None
        self._verdict(name, Verdict.DOWN, fault.detail, fault_at_s=fault.fault_at_s, evidence_since_s=self.now_s, limit=limit)

    def up(self, name: str) -> None:
        self._verdict(name, Verdict.UP)

    def unknown(self, name: str) -> None:
        self._verdict(name, Verdict.UNKNOWN, "no anchor answers")

    def late(self, name: str, verdict: Verdict) -> None:
        """Something old arrives after all."""
        self._verdict(name, verdict, order=0)

    def repeats_itself(self, name: str, verdict: Verdict) -> None:
        """Something with the order of what was heard last."""
        known = self.state.check(f"{HOST}/{name}")
        assert known is not None
        self._verdict(name, verdict, order=known.order)

    def clock_is_set(self, *, hours: float) -> None:
        """What waits is moved with it, as ``engine.stepping`` does it."""
        self.now_s += hours * 3600
        self.state = moved(self.state, hours * 3600)

    def machine_reboots(self, *, clock_is_off_hours: float) -> None:
        self.now_s += clock_is_off_hours * 3600
        self.state = renewed(self.state, self.now_s)

    def watcher_falls_silent(self) -> None:
        self.happens(ev.EvidenceLost(id=self._id(), at_s=self.now_s, host=HOST))

    def run_announces_work(self, by: str = "hands:1") -> None:
        self.happens(ev.WorkAnnounced(id=self._id(), at_s=self.now_s, host=HOST, run=self._run(), by=by))

    def run_ends(
        self, outcome: ev.RunOutcome, *, acted: bool = True, detail: str = "", code: Code | None = None, by: str = "hands:1"
    ) -> None:
        self.happens(
            ev.RunEnded(
                id=self._id(),
                at_s=self.now_s,
                host=HOST,
                run=self._run(),
                outcome=outcome,
                acted=acted,
                by=by,
                detail=detail,
                code=code,
            )
        )

    def run_acts(self) -> None:
        """The run that is out has done something to the host; its record of that arrives."""
        self.situation = replace(self.situation, of_run=Whereabouts(acted=True))
        recorded = ev.ActionRecorded(
            id=self._id(), at_s=self.now_s, host=HOST, run=self._run(), step="restart", action="restart_service", outcome="done"
        )
        self.happens(recorded)

    def run_boots(self, what: str | None = None) -> None:
        """The run that is out has switched the power, to boot the ``rescue`` system or the ``disk`` (``None``: what was booted
        before); its record of that arrives."""
        rescue = what == "rescue" if what is not None else None
        self.situation = replace(self.situation, of_run=Whereabouts(power=True, rescue=rescue, acted=True))
        recorded = ev.ActionRecorded(
            id=self._id(), at_s=self.now_s, host=HOST, run=self._run(), step=str(what), action="power", outcome="done"
        )
        self.happens(recorded)

    def operator_says_its_own_system_runs(self) -> None:
        self.happens(ev.OwnSystemRuns(id=self._id(), at_s=self.now_s, host=HOST, by="first", reason="seen on its console"))

    def operator_runs(self, runbook: str, *, service: str | None = None, ago_s: float = 0.0) -> None:
        self.happens(
            ev.RunRequested(
                id=self._id(),
                at_s=self.now_s - ago_s,
                host=HOST,
                runbook=runbook,
                by="first",
                reason="to be sure",
                service=service,
            )
        )

    def operator_acknowledges(self, incident: str | None = None) -> None:
        self.happens(ev.Acknowledged(id=self._id(), at_s=self.now_s, incident=incident or self.incident.id, host=HOST, by="first"))

    def operator_holds(self, *, everything: bool = False) -> None:
        self.situation = replace(self.situation, held_all=everything, held=not everything)
        self.happens(ev.HoldSet(id=self._id(), at_s=self.now_s, host=None if everything else HOST, by="first"))

    def operator_releases(self) -> None:
        self.situation = replace(self.situation, held=False, held_all=False)
        self.happens(ev.HoldReleased(id=self._id(), at_s=self.now_s, host=HOST, by="first"))

    def operator_revokes(self, runbook: str) -> None:
        version = self.situation.policy.procedures[runbook].version
        self._trusts(approved=self.situation.trust.approved - {(runbook, version)})
        self.happens(
            ev.RunbookRevoked(id=self._id(), at_s=self.now_s, runbook=runbook, version=version, by="first", reason="x", host=HOST)
        )

    def operator_approves(self, runbook: str) -> None:
        version = self.situation.policy.procedures[runbook].version
        self._trusts(approved=self.situation.trust.approved | {(runbook, version)})
        self.happens(
            ev.RunbookApproved(id=self._id(), at_s=self.now_s, runbook=runbook, version=version, by="first", reason="x", host=HOST)
        )

    def operator_raises(self, runbook: str) -> None:
        self._trusts(lowered=self.situation.trust.lowered - {runbook})
        self.happens(
            ev.RunbookRaised(id=self._id(), at_s=self.now_s, runbook=runbook, customer=CUSTOMER, by="first", reason="x", host=HOST)
        )

    def runbook_is_edited(self, runbook: str, version: str) -> None:
        """The inventory comes with another file of this name."""
        before = self.situation.policy
        procedures = {**before.procedures, runbook: replace(before.procedures[runbook], version=version)}
        self.inventory_becomes(replace(before, version=f"{before.version}, {runbook} {version}", procedures=procedures))

    def _trusts(self, **changes: frozenset[str] | frozenset[tuple[str, str]]) -> None:
        self.situation = replace(self.situation, trust=replace(self.situation.trust, **changes))  # type: ignore[arg-type]  # as named

    def mass_outage_begins(self, *, patience_minutes: float = 60) -> None:
        """Of the host's segment: the engine finds it with another host's decision, and this one's next meets it."""
        self.situation = replace(self.situation, outage_until_s=self.now_s + patience_minutes * 60)

    def mass_outage_ends(self) -> None:
        self.situation = replace(self.situation, outage_until_s=None)
        self.happens(ev.TimerFired(id=self._id(), at_s=self.now_s, host=HOST))

    def hangs_on(self, parent: str, *, confirm_s: float, again_s: float) -> None:
        """What is up for now (C53)."""
        self.situation = replace(self.situation, above=Above(confirm_s, again_s))
        self._parent = parent

    def parent_falls(self) -> None:
        assert self.situation.above is not None
        now_s = self.now_s
        self._above(self.situation.above._replace(down=self._parent, since_s=now_s, fell_at_s=now_s, incident="INC-000077"))

    def parent_returns(self) -> None:
        assert self.situation.above is not None
        self._above(self.situation.above._replace(down="", incident="", back=self._parent, back_s=self.now_s))

    def hangs_on_nothing(self) -> None:
        self._above(None)

    def _above(self, above: Above | None) -> None:
        """The engine judges again what hangs on it."""
        self.situation = replace(self.situation, above=above)
        self.happens(ev.TimerFired(id=self._id(), at_s=self.now_s, host=HOST))

    def stop_file_appears(self) -> None:
        self.situation = replace(self.situation, stop_file=True)

    def stop_file_goes(self) -> None:
        self.situation = replace(self.situation, stop_file=False)

    def pause_begins(self, *, minutes: float, check: str | None = None, name: str = "maintenance") -> None:
        start = datetime.fromtimestamp(self.now_s, ZoneInfo(ZONE)).replace(tzinfo=None).isoformat()
        scope = f"{HOST}/{check}" if check is not None else None
        pause = Pause(name, start, minutes * 60, ZONE, host=HOST, check=scope, by="first")
        self.situation = replace(self.situation, pauses=(*self.situation.pauses, pause))
        self.happens(ev.PauseSet(id=self._id(), at_s=self.now_s, pause=pause, by="first"))

    def pause_is_over_unnoticed(self) -> None:
        """The next event comes before the timer."""
        self.situation = replace(self.situation, pauses=())

    def pause_is_cancelled(self) -> None:
        self.situation = replace(self.situation, pauses=())
        self.happens(ev.PauseCancelled(id=self._id(), at_s=self.now_s, pause="maintenance", by="first"))

    def inventory_becomes(self, inventory: Policy) -> None:
        self._accept(inventory)
        self.happens(ev.PolicyChanged(id=self._id(), at_s=self.now_s, host=HOST, version=inventory.version))

    def fast_forward(self, *, minutes: float = 0, seconds: float = 0) -> None:
        """Time passes; every timer fires when it is due."""
        until_s = self.now_s + minutes * 60 + seconds
        self.reasons = []
        while (due_s := next_due_s(self.state, self.situation, self.now_s)) is not None and due_s <= until_s:
            self.now_s = due_s
            self._take(ev.TimerFired(id=self._id(), at_s=due_s, host=HOST))
        self.now_s = until_s

    def happens(self, event: ev.Event) -> None:
        self.reasons = []
        self._take(event)

    # what is expected

    def expect_mail(self, message: Message, **facts: Fact) -> Notify:
        """Each of the customer's contacts gets this mail next, carrying these facts."""
        return self._expect_mail(CUSTOMER, message, facts)

    def expect_mail_to_the_other(self, message: Message, **facts: Fact) -> Notify:
        """The other customer's contact gets it."""
        return self._expect_mail(OTHER, message, facts)

    def _expect_mail(self, customer: str, message: Message, facts: dict[str, Fact]) -> Notify:
        contacts = [contact.id for contact in self.situation.policy.customers[customer].contacts]
        mails = [self._next_customer_mail() for _ in contacts]
        assert [(mail.message, mail.recipient) for mail in mails] == [(message, contact) for contact in contacts]
        self._carries(mails[0], facts)
        return mails[0]

    def expect_page(self, operator: str, **facts: Fact) -> None:
        self._expect_operator(Message.PAGE, operator, facts)

    def expect_notice(self, operator: str, code: Code, **facts: Fact) -> None:
        self._expect_operator(Message.NOTICE, operator, {"reason": str(code), **facts})

    def expect_lowered(self, runbook: str, check: str) -> None:
        """Every operator on call hears that the runbook acts on its own no more for this customer."""
        self.expect_reason(Code.RUNBOOK_LOWERED, runbook=runbook, check=f"{HOST}/{check}", customer=CUSTOMER)
        for operator in self.situation.policy.on_call.order:
            self.expect_notice(operator, Code.RUNBOOK_LOWERED, runbook=runbook, check=f"{HOST}/{check}", customer=CUSTOMER)

    def expect_run(self, runbook: str, *, service: str | None = None, checks: tuple[str, ...] | None = None) -> Run:
        run = self._next(lambda command: isinstance(command, Run), f"a run of {runbook}")
        assert isinstance(run, Run)
        assert (run.runbook, run.service) == (runbook, service)
        assert checks is None or run.checks == tuple(f"{HOST}/{name}" for name in checks)
        self.last_run = run.key
        self.situation = replace(self.situation, of_run=NOWHERE)
        return run

    def expect_report(self) -> None:
        self._next(lambda command: isinstance(command, Report), "a report")

    def expect_nothing(self) -> None:
        assert self.waiting == [], f"nobody spoke of {[command.key for command in self.waiting]}"

    def expect_reason(self, code: Code, **facts: Fact) -> None:
        """The last thing that happened was decided for this reason."""
        given = [reason for reason in self.reasons if reason.code is code]
        assert given, f"{code} is not among {[str(reason.code) for reason in self.reasons]}"
        for name, value in facts.items():
            assert given[-1].facts[name] == value

    def expect_recovery(self, **facts: Fact) -> None:
        """The customer is told, the report is asked for, and nothing is open any more."""
        self.expect_mail(Message.RECOVERED, **facts)
        self.expect_report()
        assert self.state.incident is None

    @property
    def incident(self) -> Incident:
        assert self.state.incident is not None, "there is no open incident"
        return self.state.incident

    # how it works

    def _accept(self, inventory: Policy) -> None:
        self.situation = replace(self.situation, policy=inventory, host=inventory.hosts.get(HOST))

    def _verdict(
        self,
        name: str,
        verdict: Verdict,
        detail: str = "",
        *,
        at_s: float | None = None,
        fault_at_s: float | None = None,
        evidence_since_s: float | None = None,
        value: float | None = None,
        limit: Limit | None = None,
        order: int | None = None,
        told_only: bool = False,
    ) -> None:
        known = next((item for item in (*CHECKS, CPU, SWAP) if item.id == f"{HOST}/{name}"), None)
        assert isinstance(known, Check), f"there is no check {name}"
        self._events += 1
        self.happens(
            ev.VerdictChanged(
                id=f"e{self._events}",
                at_s=at_s if at_s is not None else self.now_s,
                host=HOST,
                check=known.id,
                verdict=verdict,
                fault_at_s=fault_at_s,
                evidence_since_s=evidence_since_s,
                detail=detail,
                value=value,
                limit=limit,
                told_only=told_only,
                order=self._events if order is None else order,
            )
        )

    def _take(self, event: ev.Event) -> None:
        taken = Taken(self.state, event, self.situation, self.now_s, step(self.state, event, self.situation, self.now_s))
        hold_for(taken)
        survives_the_store(taken.after)
        self._history.follow(taken, self.now_s)
        for _ in run_timers(taken.after, self.situation, self.now_s, self.now_s):
            raise AssertionError("a timer was due at once")
        before = self.state.incident
        self.state = taken.after
        if self.state.incident is not None and (before is None or before.id != self.state.incident.id):
            number = int(self.state.incident.id.rsplit("-", 1)[1])
            self._incidents = max(self._incidents, number + 1)
            self.situation = replace(self.situation, new_id=f"INC-{self._incidents:06d}")
        self.learnt += taken.decision.learnt
        lowered = {item.runbook for item in taken.decision.learnt if item.end is End.REFAILED}
        trust = self.situation.trust
        self.situation = replace(self.situation, trust=Trust(trust.approved, trust.lowered | lowered))
        self.reasons += taken.decision.reasons
        self.waiting += taken.decision.commands

    def _id(self) -> str:
        self._events += 1
        return f"e{self._events}"

    def _run(self) -> str:
        assert self.last_run is not None, "no run was expected yet"
        return self.last_run

    def _next(self, wanted: object, what: str) -> Command:
        assert callable(wanted)
        for command in self.waiting:
            if wanted(command):
                self.waiting.remove(command)
                return command
        raise AssertionError(f"expected {what}, there is {[command.key for command in self.waiting]}")

    def _next_customer_mail(self) -> Notify:
        mail = self._next(lambda command: isinstance(command, Notify) and command.audience == "customer", "a mail")
        assert isinstance(mail, Notify)
        return mail

    def _expect_operator(self, message: Message, operator: str, facts: dict[str, Fact]) -> None:
        channels = [name for name in ("mail", "webhook") if getattr(self.situation.policy.operators[operator], name) is not None]
        for channel in channels:
            found = self._next(lambda command: isinstance(command, Notify) and command.audience == "operator", f"a {message}")
            assert isinstance(found, Notify)
            assert (found.message, found.recipient, found.channel) == (message, operator, channel)
            self._carries(found, facts)

    @staticmethod
    def _carries(mail: Notify, facts: dict[str, Fact]) -> None:
        assert {name: mail.facts[name] for name in facts} == facts
