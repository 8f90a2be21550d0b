"""What must hold of every decision, whatever happened before. Each is one short function with its spec number.

An invariant is asked of one step: the state before, the event, what held, and the decision. Walk, seeded simulation and
stories ask all of them at every step.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from domain.behind import by_itself, noticed_s
from domain.commands import Message, Notify, Report, Run
from domain.due import next_due_s
from domain.events import Event, Occurred, OwnSystemRuns, RunRequested, TimerFired, VerdictChanged
from domain.facts import FACTS, Next, problems
from domain.gate import MASS_OUTAGE
from domain.incident import step
from domain.mass import is_segment, unreachable
from domain.messages import channels_of
from domain.model import FaultClass, Mode, effective_mode
from domain.observation import Verdict
from domain.pauses import paused_until
from domain.reasons import Code
from domain.state import Decision, Fault, HostState, Incident, Phase, Situation
from domain.trust import End, Standing, standing_of
from domain.work import MAX_RUNS, verifying
from store.codec import decode, encode

ENDS = (Message.RECOVERED, Message.SETTLED, Message.WATCH_ENDED)
NEWS = (Message.FAULT, Message.FLAPPING, Message.LEVEL_CHANGE, Message.NOT_RECOVERED)
RUN_ENDS = frozenset(code for code in Code if code.startswith("run_") and code is not Code.RUN_STARTED)
EFFECT_UNKNOWN = (Code.RUN_UNKNOWN, Code.RUN_LOST, Code.IN_RESCUE)
MOST_PER_STEP = 24
"""A few messages to two contacts and two operators with three channels, a run, a report."""


class Taken(NamedTuple):
    """One step that was taken."""

    before: HostState
    event: Event
    situation: Situation
    now_s: float
    decision: Decision

    @property
    def after(self) -> HostState:
        return self.decision.state

    def mails(self, *messages: Message) -> list[Notify]:
        """What the customer is told; without a word, all that is told of incidents."""
        told = [item for item in self.decision.commands if isinstance(item, Notify) and item.audience == "customer"]
        return [item for item in told if (item.message in messages if messages else item.message is not Message.OCCURRED)]

    def pages(self) -> list[Notify]:
        return [item for item in self.decision.commands if isinstance(item, Notify) and item.audience == "operator"]

    def own_runs(self) -> list[Run]:
        """Runs that no person asked for."""
        return [item for item in self.decision.commands if isinstance(item, Run) and item.requested_by == "engine"]

    def paused(self, check: str) -> bool:
        if not self.situation.pauses:
            return False
        incident = self.before.incident or self.after.incident
        host = self.situation.host
        customer = host.customer if host is not None else incident.customer if incident is not None else ""
        return paused_until(self.situation.pauses, customer, self.before.host, check, self.now_s) is not None

    def moved(self) -> bool:
        """Has the host come to another customer while something was open?"""
        incident, host = self.before.incident, self.situation.host
        return incident is not None and host is not None and incident.customer != host.customer

    def held(self) -> bool:
        return self.situation.held or self.situation.held_all or self.situation.stop_file

    def working(self) -> list[Fault]:
        """What the engine may work on now, if the gate lets it: announced, covered, seen, neither flapping nor in a pause, with
        nobody at work on it. Empty where anything at all of the incident is otherwise."""
        incident, customer = self.after.incident, self.situation.customer
        if incident is None or incident.phase is not Phase.OPEN or not incident.announced or customer is None:
            return []
        faults = [
            fault for fault in incident.faults if fault.fault_class is not FaultClass.RESOURCE and not self.paused(fault.check)
        ]
        seen = [fault for fault in faults if fault.evidence_since_s is not None]
        fit = [fault for fault in seen if fault.told and not fault.flapping and fault.fault_class in customer.contract.recovers]
        return fit if fit == seen and not verifying(incident, self.now_s) and incident.runs < MAX_RUNS else []

    def may_act(self, runbook: str) -> bool:
        """Is it approved as it is, and not lowered for this customer, before this decision or by it?"""
        lowered = any(item.end is End.REFAILED and item.runbook == runbook for item in self.decision.learnt)
        procedures = self.situation.policy.procedures
        return standing_of(self.situation.trust, procedures, runbook) is Standing.APPROVED and not lowered

    def spoken_of(self) -> Incident | None:
        """The incident the decision is about, as it stood at the end of it."""
        if self.after.incident is not None:
            return self.after.incident
        return self.after.last if self.after.last != self.before.last else None


def nothing_is_told_or_run_in_a_pause(taken: Taken) -> None:
    """R51."""
    for mail in taken.mails():
        checks = mail.facts["faults"]
        assert isinstance(checks, tuple)
        if taken.moved() and mail.message is Message.WATCH_ENDED:
            continue  # a pause of today's says nothing to the customer of yesterday
        assert not checks or not all(taken.paused(check) for check in checks), f"{mail.key} is told in a pause"
    for command in taken.decision.commands:
        if isinstance(command, Run):
            assert not any(taken.paused(check) for check in command.checks), f"{command.key} runs in a pause"
    incident = taken.spoken_of()
    if incident is not None and incident.seen and all(taken.paused(check) for check in incident.seen) and not taken.moved():
        assert not taken.mails(), "told while all that took part is in a pause"
        assert not [page for page in taken.pages() if page.message is Message.PAGE], "paged in a pause"


def what_only_happened_is_told_to_each_contact_or_to_none(taken: Taken) -> None:
    """C15, R51, R24: of no incident; not in a pause, and not while a run is restarting the host."""
    mails = taken.mails(Message.OCCURRED)
    if not mails:
        return
    assert isinstance(taken.event, Occurred)
    assert taken.situation.customer is not None
    assert [mail.recipient for mail in mails] == [contact.id for contact in taken.situation.customer.contacts]
    assert all(mail.incident is None for mail in mails)
    assert not taken.paused(taken.event.check), "told in a pause"
    assert not taken.situation.of_run.power or taken.before.out is None, "told of our own work"


def what_opened_in_a_pause_is_silent(taken: Taken) -> None:
    """R51: recorded, and its end is no more told than its beginning."""
    incident = taken.before.incident
    if incident is not None and not incident.announced and taken.after.incident is None:
        assert not taken.mails(), "the end of what was never told was told"


def what_was_announced_ends_told(taken: Taken) -> None:
    """R4, R51, C54: an announced incident closes only with a message that says so, to every contact."""
    incident = taken.before.incident
    if incident is None or not incident.announced or taken.after.incident is not None or incident.settled:
        return
    contacts = {contact.id for contact in taken.situation.policy.customers[incident.customer].contacts}
    assert {mail.recipient for mail in taken.mails(*ENDS)} == contacts, "closed without telling everybody"


def recovery_in_a_pause_is_told_at_its_end(taken: Taken) -> None:
    """R51: nothing fails, nothing runs, nothing is held back any more: then it is closed."""
    incident = taken.after.incident
    if taken.after.rescue or (incident is not None and verifying(incident, taken.now_s)):
        return  # what is up may be the rescue system, or may have been
    if incident is not None and not incident.faults and incident.run is None:
        assert incident.announced, "a silent incident outlives its faults"
        assert all(taken.paused(check) for check in incident.seen), "a recovery is held back without a pause"


def nothing_recovers_in_its_rescue_system(taken: Taken) -> None:
    """R24: between the boot of the rescue system and that of the host's disk, or a person's word, no recovery is told, no work is
    promised that nobody does, and people have it once nobody is at work there."""
    if not taken.after.rescue:
        return
    assert not taken.mails(Message.RECOVERED), "what answers is the rescue system"
    incident = taken.after.incident
    if incident is None or taken.after.out is not None or is_segment(taken.after.host):
        return
    assert not taken.own_runs()
    if any(not taken.paused(check) for check in incident.seen):
        assert incident.page is not None, "left in its rescue system, and nobody was called"


def unknown_never_alerts(taken: Taken) -> None:
    """C52: a message that says something fails, says it of what the watcher sees failing."""
    state = taken.after.incident
    for mail in taken.mails(Message.FAULT, Message.FLAPPING, Message.WORK_STARTED):
        checks = mail.facts["faults"]
        assert isinstance(checks, tuple)
        assert checks, f"{mail.key} speaks of no fault"
        for check in checks:
            fault = state.fault(check) if state is not None else None
            assert fault is not None, f"{mail.key} speaks of {check}, which does not fail"
            assert fault.evidence_since_s is not None, f"{mail.key} speaks of {check}, which is unknown"


def unknown_never_acts(taken: Taken) -> None:
    """C52: nothing that recovery is for may be out of sight when a run starts; what flaps is left to people (C54)."""
    for run in taken.own_runs():
        incident = taken.after.incident
        assert incident is not None
        faults = [fault for check in run.checks if (fault := incident.fault(check)) is not None]
        assert faults, f"{run.key} is for nothing that fails"
        for check in run.checks:
            heard, fault = taken.after.check(check), incident.fault(check)
            assert heard is None or heard.verdict is not Verdict.UNKNOWN, f"a run for {check}, which is unknown"
            assert fault is None or fault.known, f"a run for {check}, which is unknown or flapping"


def a_server_is_back_when_all_of_it_is(taken: Taken) -> None:
    """R24: a run for a server looks at every check of it that can be judged, so that an answer to ping alone is no recovery; a
    run for a service looks at nothing that does not fail."""
    host = taken.situation.host
    for run in taken.own_runs():
        incident = taken.after.incident
        assert incident is not None
        assert host is not None
        servers = {check.id for check in host.checks if check.fault_class is FaultClass.SERVER}
        if not servers & set(run.checks):
            assert all(incident.fault(check) is not None for check in run.checks), f"{run.key} looks at what does not fail"
            continue
        for check in servers - set(run.checks):
            heard = taken.after.check(check)
            unsteady = heard is not None and (heard.verdict is Verdict.UNKNOWN or heard.flapping)
            fault = incident.fault(check)
            unsteady = unsteady or (fault is not None and (not fault.known or fault.told_only))
            assert unsteady or taken.paused(check), f"{run.key} does not look at {check}"


def nothing_acts_on_its_own_that_nobody_approved(taken: Taken) -> None:
    """R26: and nothing whose last cure did not last, until a person raises it again."""
    for run in taken.own_runs():
        assert taken.may_act(run.runbook), f"{run.key} may not act on its own"


def what_is_announced_is_worked_on_or_known_to_operators(taken: Taken) -> None:
    """R25, R26, C52: under a hold they were told; where automation can never act they have it, whatever the contract's wait; and a
    service in sight, with no server in the way, does not wait because something else can't be judged."""
    situation, incident, faults = taken.situation, taken.after.incident, taken.working()
    if not faults or incident is None or situation.host is None:
        return
    named = [fault for fault in faults if fault.fault_class in situation.host.procedures]
    if taken.held():
        assert incident.held_level is not None, "held, and nobody knows"
    elif situation.outage_until_s is not None and any(fault.fault_class is FaultClass.SERVER for fault in faults):
        return  # operators were called for the whole segment
    elif any(_put_down_to_a_parent(taken, fault) for fault in faults):
        return  # they are for what it depends on
    elif all(fault.target not in incident.tried for fault in faults):
        assert effective_mode(situation.policy, situation.host) is Mode.ON, "automation may not act, and nobody was called"
        assert named, "there is no procedure, and nobody was called"
        assert any(taken.may_act(situation.host.procedures[fault.fault_class]) for fault in named), (
            "it may not act, and nobody was called"
        )
        servers = [fault for fault in faults if fault.fault_class is FaultClass.SERVER]
        assert servers or taken.after.asked is not None, "nobody works on it, and nothing stands in the way"


def what_is_said_of_operators_is_true(taken: Taken) -> None:
    """R3, R25: "have been called in" only where somebody was paged, or had taken it before; "have been told" likewise. For a mass
    outage they were called once, and not for each host."""
    incident = taken.after.incident
    for mail in taken.mails():
        if mail.facts["next"] == Next.PEOPLE and taken.situation.policy.on_call.order:
            assert incident is not None
            assert incident.page is not None, f"{mail.key} speaks of people who were never called"
            called = incident.page.paged or incident.acknowledged_by
            assert called or incident.page.code in MASS_OUTAGE, f"{mail.key} speaks of people who were not called yet"
        if mail.facts["next"] == Next.HELD:
            assert incident is not None
            assert incident.held_level is not None, f"{mail.key} speaks of people who were not told"


def who_has_it_hears_what_the_customer_hears(taken: Taken) -> None:
    """R25: where people are said to be at work, they know of it: nobody pages who has taken it, so a notice says what is new."""
    incident = taken.after.incident
    if incident is None or incident.acknowledged_by is None:
        return
    told = {page.recipient for page in taken.pages()}
    for mail in taken.mails(*NEWS):
        lowered = mail.message is Message.LEVEL_CHANGE and mail.facts["level"] < mail.facts["previous_level"]  # type: ignore[operator]  # both are numbers
        if mail.facts["next"] == Next.PEOPLE and not lowered:
            assert incident.acknowledged_by in told, f"{mail.key} speaks of people, and {incident.acknowledged_by} has not heard"


def nobody_is_told_of_what_we_do_ourselves(taken: Taken) -> None:
    """R24: what begins to fail while a run is out that has switched the host's power is no news, nor a lost host; no level goes up
    and down with it."""
    if not taken.situation.of_run.power or not _out(taken.before) or _out(taken.before) != _out(taken.after):
        return
    assert not taken.mails(Message.FAULT, Message.FLAPPING), "told of our own work"
    if isinstance(taken.event, VerdictChanged):
        assert not taken.mails(Message.LEVEL_CHANGE), "a level goes with our own work"
    assert not [check for check in taken.after.checks if len(check.changes) > len(_changes(taken.before, check.check))], "flaps"
    servers = [fault for fault in _faults(taken) if fault.fault_class is FaultClass.SERVER]
    assert any(fault.told for fault in servers) or not unreachable(taken.after), "lost, as we restart it"


def what_outlasts_our_work_is_told(taken: Taken) -> None:
    """R8, R24: whatever is seen failing, once it is in no pause, no run is out that has switched the power, and the watcher has had
    the time to look again."""
    if taken.after.out is not None and taken.situation.of_run.power:
        return
    for fault in _faults(taken):
        silent = (
            not fault.known or _put_down_to_us(taken, fault) or _put_down_to_a_parent(taken, fault) or taken.paused(fault.check)
        )
        assert fault.told or silent, f"nobody was told of {fault.check}"


def _put_down_to_us(taken: Taken, fault: Fault) -> bool:
    """A run is out that has switched the power, or is over for so short a time that nobody has looked again."""
    if fault.told:
        return False
    if taken.after.out is not None and taken.situation.of_run.power:
        return True
    check, worked_s = taken.situation.check(fault.check), taken.after.worked_s
    return worked_s is not None and check is not None and taken.now_s < worked_s + check.interval_s + check.timeout_s


def nothing_is_told_of_what_is_behind_a_parent(taken: Taken) -> None:
    """C53: while a parent is down and nothing says that the host answers, no new fault of it is told, and none is worked on; but
    values are, which it has told itself."""
    over, before, incident = taken.situation.above, taken.before.incident, taken.after.incident
    if over is None or not over.down or _answers(taken):
        return
    known = {fault.check for fault in before.faults if fault.told} if before is not None else set()
    known |= {fault.check for fault in incident.faults if by_itself(fault)} if incident is not None else set()
    for mail in taken.mails(Message.FAULT, Message.FLAPPING):
        assert isinstance(mail.facts["faults"], tuple)
        assert set(mail.facts["faults"]) <= known, f"{mail.key} tells what is behind {over.down}"
    for run in taken.own_runs():
        faults = [incident.fault(check) for check in run.checks] if incident is not None else []
        assert any(fault is not None and by_itself(fault) for fault in faults), f"{run.key}, behind {over.down}"


def _answers(taken: Taken) -> bool:
    """Does the host answer though its parent is down, or did it until it fell by itself?"""
    host, over = taken.situation.host, taken.situation.above
    if host is None or over is None:
        return False
    servers = [check.id for check in host.checks if check.fault_class is FaultClass.SERVER]
    kept = [fault for state in (taken.after.incident, taken.after.behind) if state is not None for fault in state.faults]
    fell_s = min((fault.fault_at_s for fault in kept if fault.fault_class is FaultClass.SERVER and not fault.up), default=0.0)
    if fell_s > over.fell_at_s + noticed_s(host):
        return True
    return any(known.check in servers and known.verdict is Verdict.UP for known in taken.after.checks)


def no_fault_is_lost(taken: Taken) -> None:
    """C53: whatever fails stays in the incident, or kept aside as a parent's doing, until the watcher sees it up."""
    aside, host = taken.after.behind, taken.situation.host
    if aside is not None:
        assert taken.situation.above is not None, "kept aside for no parent's sake"
        assert taken.situation.above.down or next_due_s(taken.after, taken.situation, taken.now_s) is not None, "for ever"
    if host is None or taken.moved() or (taken.before.behind is not None and taken.before.behind.customer != host.customer):
        return
    kept = {fault.check for fault in (*_faults(taken), *(aside.faults if aside is not None else ()))}
    known = {fault.check for state in (taken.before.incident, taken.before.behind) if state is not None for fault in state.faults}
    if isinstance(taken.event, VerdictChanged) and Code.STALE not in {reason.code for reason in taken.decision.reasons}:
        known.add(taken.event.check)
    down = {known.check for known in taken.after.checks if known.verdict is Verdict.DOWN}
    assert known & down & {check.id for check in host.checks} <= kept, "a fault was lost"


def _put_down_to_a_parent(taken: Taken, fault: Fault) -> bool:
    """One is down, or was up again so short a time ago that nobody has looked again."""
    over, host = taken.situation.above, taken.situation.host
    if over is None or host is None or by_itself(fault):
        return False
    again_s = max((check.interval_s + check.timeout_s for check in host.checks), default=0.0) + 5.0
    return bool(over.down) or (over.back_s is not None and taken.now_s < over.back_s + max(over.again_s, again_s))


def _faults(taken: Taken) -> tuple[Fault, ...]:
    return taken.after.incident.faults if taken.after.incident is not None else ()


def _changes(state: HostState, check: str) -> tuple[float, ...]:
    known = state.check(check)
    return known.changes if known is not None else ()


def who_was_called_hears_of_the_end(taken: Taken) -> None:
    """R25: who was paged, and who took it, hear that it is over."""
    incident = taken.before.incident
    if incident is None or not taken.mails(Message.RECOVERED):
        return
    called = {*(incident.page.paged if incident.page is not None else ()), incident.acknowledged_by}
    assert called & set(taken.situation.policy.operators) <= {page.recipient for page in taken.pages()}


def a_run_is_heard_of_once(taken: Taken) -> None:
    """R22, R26: what was started is waited for until the record says how it ended, or that it is lost; then no more."""
    started = [item.key for item in taken.decision.commands if isinstance(item, Run)]
    ended = [reason.facts["run"] for reason in taken.decision.reasons if reason.code in RUN_ENDS]
    out = _out(taken.before)
    if started or ended or out:
        left = _out(taken.after)
        assert sorted([*started, *out]) == sorted([*left, *map(str, ended)]), f"{out} and {started} became {left}, heard: {ended}"


def _out(state: HostState) -> list[str]:
    runs = (state.asked, state.incident.run if state.incident is not None else None)
    return [run.key for run in runs if run is not None]


def what_a_run_left_unknown_is_looked_at_by_people(taken: Taken) -> None:
    """R26: operators hear of it in the same decision, or are being paged; later only where a pause or silence keeps it back."""
    before, after = taken.before.incident, taken.after.incident
    untold = before is not None and before.failed in EFFECT_UNKNOWN
    heard = any(reason.code in EFFECT_UNKNOWN for reason in taken.decision.reasons)
    if not (untold or heard) or not taken.situation.policy.on_call.order:
        return
    if isinstance(taken.event, OwnSystemRuns):
        return  # one has looked
    paged = after is not None and after.page is not None and after.acknowledged_by is None
    kept = after is not None and after.failed in EFFECT_UNKNOWN
    assert paged or kept or taken.pages(), "nobody knows that a person has to look"


def nothing_crosses_customers(taken: Taken) -> None:
    """An incident is its customer's, whoever owns the host later: another gets no mail of it, and it isn't reopened for another."""
    host, incident = taken.situation.host, taken.after.incident
    if host is not None and incident is not None:
        assert incident.customer == host.customer, f"{incident.id} of {incident.customer} is open for {host.customer}"
    customers = taken.situation.policy.customers
    for mail in taken.mails():
        owner = customers[str(mail.facts["customer"])]
        assert mail.recipient in {contact.id for contact in owner.contacts}, f"{mail.key} goes to another customer"
        known = [
            item for item in (taken.before.incident, taken.before.last, incident) if item is not None and item.id == mail.incident
        ]
        assert all(item.customer == owner.id for item in known), f"{mail.key} is of another customer's incident"


def an_acknowledgement_is_somebodys(taken: Taken) -> None:
    """R25: only who is still an operator silences the others."""
    incident = taken.after.incident
    if incident is None or incident.page is None or incident.acknowledged_by is None:
        return
    if any(not taken.paused(fault.check) and not _put_down_to_us(taken, fault) for fault in incident.faults):
        assert incident.acknowledged_by in taken.situation.policy.operators


def an_empty_target_does_nothing(taken: Taken) -> None:
    """No host, no checks, no contacts, nobody on call: nothing, never everything."""
    policy, host = taken.situation.policy, taken.situation.host
    for command in taken.decision.commands:
        if isinstance(command, Run):
            assert host is not None, "a run on a host that is not watched"
            assert command.checks, "a run for no check"
            assert set(command.checks) <= {check.id for check in host.checks}, "a run for a check that is not watched"
    contacts = {contact.id for customer in policy.customers.values() for contact in customer.contacts}
    assert {mail.recipient for mail in taken.mails()} <= contacts
    for page in taken.pages():
        assert page.recipient in (policy.on_call.order if page.message is Message.PAGE else policy.operators)


def what_is_not_watched_has_no_incident(taken: Taken) -> None:
    """No host, nothing to do: unless what was open of it waits for a pause to end."""
    if taken.situation.host is None and taken.after.incident is not None:
        assert taken.before.incident is not None, "an incident of a host that is not watched"
        faults = taken.after.incident.faults
        assert all(taken.paused(fault.check) for fault in faults), "a fault of a host that is not watched"


def each_contact_gets_each_mail_once(taken: Taken) -> None:
    """R5: all at once."""
    incident = taken.spoken_of() or taken.before.incident
    if incident is None:
        assert not taken.mails()
        return
    contacts = sorted(contact.id for contact in taken.situation.policy.customers[incident.customer].contacts)
    for message in {mail.message for mail in taken.mails()}:
        got = sorted(mail.recipient for mail in taken.mails(message))
        assert got == sorted(contacts * (len(got) // max(1, len(contacts)))), f"{message} did not go to each contact alike"


def nothing_runs_against_a_persons_will(taken: Taken) -> None:
    """R26: under a hold, the stop file, or a mode other than on."""
    situation = taken.situation
    for command in taken.decision.commands:
        if isinstance(command, Run):
            assert not situation.held, "a run under a hold of its host"
            assert not situation.held_all, "a run under a hold of all"
            assert not situation.stop_file, "a run though there is a stop file"
    for _ in taken.own_runs():
        assert situation.host is not None
        assert effective_mode(situation.policy, situation.host) is Mode.ON, "a run while automation is not on"


def only_what_is_covered_runs(taken: Taken) -> None:
    """R20, R4: what the contract covers and the host has a procedure for; never for a resource."""
    for run in taken.own_runs():
        host, customer, incident = taken.situation.host, taken.situation.customer, taken.after.incident
        assert host is not None
        assert customer is not None
        assert incident is not None
        classes = {fault.fault_class for fault in incident.faults if fault.check in run.checks}
        assert classes <= customer.contract.recovers, f"a run for {classes}"
        assert {host.procedures[item] for item in classes} == {run.runbook}


def no_server_is_worked_on_in_a_mass_outage(taken: Taken) -> None:
    """R26: nor are people called for one by one, for what is held back."""
    if taken.situation.outage_until_s is None:
        return
    for run in taken.own_runs():
        assert taken.after.incident is not None
        faults = [taken.after.incident.fault(check) for check in run.checks]
        assert all(fault is not None and fault.fault_class is not FaultClass.SERVER for fault in faults), f"{run.key} in an outage"
    for page in taken.pages():
        assert page.message is not Message.PAGE or page.facts["reason"] not in MASS_OUTAGE, f"{page.key} in an outage"


def a_server_waits_for_its_clock(taken: Taken) -> None:
    """R20: the wait has passed since evidence began anew and its clock runs."""
    for run in taken.own_runs():
        incident, customer = taken.after.incident, taken.situation.customer
        assert incident is not None
        assert customer is not None
        servers = [fault for fault in incident.faults if fault.check in run.checks and fault.target == "server:"]
        since = [max(fault.clock_from_s or taken.now_s, fault.evidence_since_s or taken.now_s) for fault in servers]
        if since:
            assert taken.now_s - min(since) >= customer.contract.wait_s, "a server is recovered before its time"


def one_run_per_target(taken: Taken) -> None:
    """R26: what was tried in an incident, before it was reopened too, is never tried again by the engine."""
    before = taken.before.incident or taken.before.last
    for run in taken.own_runs():
        incident = taken.after.incident
        assert incident is not None
        assert incident.run is not None
        assert run.key == incident.run.key
        if before is not None and before.id == incident.id:
            assert incident.run.target not in before.tried, f"{incident.run.target} runs again"
        assert incident.run.target not in incident.tried


def one_run_at_a_time(taken: Taken) -> None:
    """R26: no second run while one is out, whoever asked for it."""
    out = [state.asked or (state.incident.run if state.incident is not None else None) for state in (taken.before, taken.after)]
    started = [item for item in taken.decision.commands if isinstance(item, Run)]
    assert len(started) <= 1
    if started:
        assert out[1] is not None
        assert out[1].key == started[0].key
        ended = out[0] is None or out[0].key != started[0].key
        assert ended
        incident = taken.after.incident
        assert taken.after.asked is None or incident is None or incident.run is None, "two runs on one host"


def no_recovery_before_its_fault(taken: Taken) -> None:
    """R9: within a decision the fault comes first; over decisions only what is announced recovers."""
    order = [mail.message for mail in taken.mails()]
    if Message.RECOVERED in order:
        assert Message.FAULT not in order[order.index(Message.RECOVERED) :]
        assert (taken.before.incident is not None and taken.before.incident.announced) or Message.FAULT in order


def keys_are_unique(taken: Taken) -> None:
    """A command is done once, by its key: new ones carry a higher serial than any before."""
    keys = [command.key for command in taken.decision.commands]
    assert len(keys) == len(set(keys)), f"a key comes twice: {sorted(keys)}"
    before = taken.before.incident or taken.before.last
    for command in taken.decision.commands:
        number, serial = command.key.split("/")[:2]
        if before is not None and number == before.id:
            assert int(serial) > before.serial, f"{command.key} may have been used before"
        elif number != taken.situation.new_id:
            assert taken.event.id in command.key, f"{command.key} is not of this event"


def messages_carry_their_facts(taken: Taken) -> None:
    """R3."""
    for command in taken.decision.commands:
        if isinstance(command, Notify):
            assert problems(command.message, command.facts) == ()


def reasons_speak_documented_facts(taken: Taken) -> None:
    """Every decision says why, in facts that texts may use."""
    assert taken.decision.reasons
    for reason in taken.decision.reasons:
        for name, value in reason.facts.items():
            assert name in FACTS, f"{reason.code} speaks of {name}"
            assert value is None or isinstance(value, FACTS[name].types), f"{reason.code}: {name} is {value!r}"


def consequences_are_drawn_at_once(taken: Taken) -> None:
    """Nothing is left to do at the same moment: ``progress`` is idempotent."""
    again = step(taken.after, TimerFired(id="again", at_s=taken.now_s, host=taken.after.host), taken.situation, taken.now_s)
    assert again.commands == (), f"{[item.key for item in again.commands]} came late"
    assert again.state == taken.after, "the state was not at rest"


def the_next_time_lies_ahead(taken: Taken) -> None:
    """So that timers neither spin nor stand still."""
    due_s = next_due_s(taken.after, taken.situation, taken.now_s)
    assert due_s is None or due_s > taken.now_s


def a_step_is_bounded(taken: Taken) -> None:
    assert len(taken.decision.commands) <= MOST_PER_STEP


def reports_follow_recoveries(taken: Taken) -> None:
    """P2: one report for each incident that is told as over."""
    reports = [item for item in taken.decision.commands if isinstance(item, Report)]
    assert len(reports) <= 1
    if taken.mails(Message.RECOVERED):
        assert reports


def survives_the_store(state: HostState) -> None:
    """A crash between two events loses nothing: what is stored is what is remembered."""
    assert decode(HostState, encode(state)) == state


def operators_are_reached_by_every_channel(taken: Taken) -> None:
    pages: dict[str, set[str]] = {}
    for page in taken.pages():
        if page.message is Message.PAGE:
            pages.setdefault(page.recipient, set()).add(page.channel)
    for operator, channels in pages.items():
        assert channels == set(channels_of(taken.situation.policy.operators[operator]))


def an_operators_run_is_his_own(taken: Taken) -> None:
    for command in taken.decision.commands:
        if isinstance(command, Run) and command.requested_by != "engine":
            assert isinstance(taken.event, RunRequested)


OF_WHAT_IS_SENT: tuple[Callable[[Taken], None], ...] = (
    nothing_is_told_or_run_in_a_pause,
    unknown_never_alerts,
    unknown_never_acts,
    a_server_is_back_when_all_of_it_is,
    what_is_said_of_operators_is_true,
    who_has_it_hears_what_the_customer_hears,
    who_was_called_hears_of_the_end,
    an_empty_target_does_nothing,
    each_contact_gets_each_mail_once,
    nothing_runs_against_a_persons_will,
    nothing_is_told_of_what_is_behind_a_parent,
    nothing_acts_on_its_own_that_nobody_approved,
    only_what_is_covered_runs,
    no_server_is_worked_on_in_a_mass_outage,
    a_server_waits_for_its_clock,
    one_run_per_target,
    one_run_at_a_time,
    no_recovery_before_its_fault,
    keys_are_unique,
    messages_carry_their_facts,
    a_step_is_bounded,
    reports_follow_recoveries,
    operators_are_reached_by_every_channel,
    an_operators_run_is_his_own,
    what_only_happened_is_told_to_each_contact_or_to_none,
)
OF_EVERY_STEP: tuple[Callable[[Taken], None], ...] = (
    what_opened_in_a_pause_is_silent,
    what_was_announced_ends_told,
    recovery_in_a_pause_is_told_at_its_end,
    nothing_recovers_in_its_rescue_system,
    nobody_is_told_of_what_we_do_ourselves,
    what_is_not_watched_has_no_incident,
    no_fault_is_lost,
    a_run_is_heard_of_once,
    what_a_run_left_unknown_is_looked_at_by_people,
    nothing_crosses_customers,
    reasons_speak_documented_facts,
)
OF_EVERY_STATE: tuple[Callable[[Taken], None], ...] = (
    what_is_announced_is_worked_on_or_known_to_operators,
    what_outlasts_our_work_is_told,
    an_acknowledgement_is_somebodys,
    consequences_are_drawn_at_once,
    the_next_time_lies_ahead,
)
"""Whichever way led there. ``survives_the_store`` is asked apart: it costs more than all the others."""


def hold_for(taken: Taken) -> None:
    hold_for_step(taken)
    hold_for_state(taken)


def hold_for_step(taken: Taken) -> None:
    if taken.decision.commands:
        for invariant in OF_WHAT_IS_SENT:
            invariant(taken)
    for invariant in OF_EVERY_STEP:
        invariant(taken)


def hold_for_state(taken: Taken) -> None:
    for invariant in OF_EVERY_STATE:
        invariant(taken)


@dataclass
class History:
    """Over a whole run: no key twice, and no incident without bounds."""

    keys: set[str]
    sent: dict[tuple[str, int], int]

    MOST_PER_HOUR = 120

    @classmethod
    def empty(cls) -> "History":
        return cls(set(), {})

    def follow(self, taken: Taken, true_s: float) -> None:
        for command in taken.decision.commands:
            assert command.key not in self.keys, f"{command.key} comes a second time"
            self.keys.add(command.key)
            hour = (command.incident or "", int(true_s // 3600))
            self.sent[hour] = self.sent.get(hour, 0) + 1
            assert not hour[0] or self.sent[hour] <= self.MOST_PER_HOUR, f"{hour[0]} never comes to rest"


def run_timers(state: HostState, situation: Situation, now_s: float, until_s: float) -> Iterable[Taken]:
    """Time alone, as the engine lets it pass: every timer fires when it is due."""
    due_s = next_due_s(state, situation, now_s)
    while due_s is not None and due_s <= until_s:
        event = TimerFired(id=f"timer/{due_s!r}", at_s=due_s, host=state.host)
        taken = Taken(state, event, situation, due_s, step(state, event, situation, due_s))
        yield taken
        state = taken.after
        due_s = next_due_s(state, situation, due_s)
