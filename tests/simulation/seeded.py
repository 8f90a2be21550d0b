"""A world drawn from a seed: checks that fail and recover, a watcher that judges them, a network that delays, doubles and
reorders what it says, operators, executors that succeed, fail or vanish, an engine that crashes and whose clock is set.

Nothing here reads a clock: true time is an argument too, and the engine's clock is true time plus an offset that jumps.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from random import Random

from sample_policy import CHECKS, DISK, HOST, OPERATORS, OTHER, POWER, RESTART, TRUST, policy

from domain import events as ev
from domain.checks import Memory, judge
from domain.commands import Message, Notify, Run
from domain.due import next_due_s
from domain.incident import step
from domain.model import Check, Contract, Flapping, Level, Mode, OnCall, Policy
from domain.observation import Limit, Observation, Verdict, down, unknown, up
from domain.pauses import Pause
from domain.state import NOWHERE, HostState, Situation, Whereabouts
from domain.stepped import moved, renewed
from simulation.invariants import History, Taken, hold_for
from simulation.walk import ABOVE
from store.codec import decode, encode

START_S = 1_772_413_200.0
HOUR_S = 3600.0
LIMITS = tuple(Limit(level, ">", at, "%") for level, at in ((Level.WARNING, 80), (Level.MINOR, 90), (Level.SERVICE_DOWN, 95)))
"""C20."""
BEGINNINGS = (Message.FAULT, Message.FLAPPING)
ENDS = (Message.RECOVERED, Message.WATCH_ENDED)
"""Of an incident; ``SETTLED`` is one where it is the last word."""


@dataclass
class Watched:
    """One check as the watcher sees it. ``order`` outlives the watcher's restarts, ``memory`` doesn't."""

    check: Check
    failing: bool = False
    memory: Memory = field(default_factory=Memory)
    looked_s: float | None = None
    order: int = 0
    off_until_s: float = 0.0


TROUBLE = ("_mischief", "flicker")
"""What on the agenda makes more of it."""


class Simulation:
    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_s = START_S
        self.offset_s = 0.0
        self.agenda: list[tuple[float, int, Callable[[], None]]] = []
        self.drawn = 0
        self.inbox: set[str] = set()
        self.watched = [Watched(check) for check in CHECKS]
        self.cut_off_until_s = 0.0
        self.silent_until_s = 0.0
        self.inventories = self._inventories()
        self.situation = self._under(
            self.inventories[0],
            Situation(policy=self.inventories[0], host=None, new_id="INC-000001", trust=TRUST, above=ABOVE if seed % 2 else None),
        )
        self.state = HostState(HOST)
        self.history = History.empty()
        self.told: dict[tuple[str, str], list[Message]] = {}
        """What each contact heard of each incident, in order."""

    # running it

    def run(self, events: int) -> None:
        """Until so many events have arrived; then all heals, what was under way arrives, and time passes until nothing is left
        to do."""
        for watched in self.watched:
            self._later(self.random.uniform(0, watched.check.interval_s), self._looks(watched))
        self._later(1.0, self._mischief)
        while len(self.inbox) < events:
            self._go_to_next()
        self._heal()
        looked_s, until_s = self.now_s + 180, self.now_s + 24 * HOUR_S
        while self.now_s < looked_s or self.state.incident or self.state.behind or self.state.asked or self._more_than_looks():
            assert self.now_s < until_s, f"left open though all is well: {self.state}"
            self._go_to_next()
        self._everybody_heard_the_end()
        believed = {known.check: known.verdict for known in self.state.checks}
        assert all(verdict is Verdict.UP for verdict in believed.values()), f"all is well, and it believes {believed}"

    def _go_to_next(self) -> None:
        at_s, _, happen = heapq.heappop(self.agenda)
        self._fire_timers(until_s=at_s)
        self.now_s = at_s
        self._fire_timers(until_s=at_s)  # those that a set clock made due
        happen()

    def _more_than_looks(self) -> bool:
        return any(happen.__name__ != "look" for _, _, happen in self.agenda)

    def _fire_timers(self, until_s: float) -> None:
        for _ in range(200):
            engine_s = self.now_s + self.offset_s
            due_s = next_due_s(self.state, self.situation, engine_s)
            if due_s is None or due_s > until_s + self.offset_s:
                return
            self.now_s = max(self.now_s, due_s - self.offset_s)
            self.drawn += 1
            self._decide(ev.TimerFired(id=f"timer/{self.drawn}", at_s=self.engine_s, host=HOST))
        raise AssertionError("timers never come to rest")

    @property
    def engine_s(self) -> float:
        return self.now_s + self.offset_s

    def _later(self, after_s: float, happen: Callable[[], None]) -> None:
        self.drawn += 1
        heapq.heappush(self.agenda, (self.now_s + after_s, self.drawn, happen))

    # the engine

    def _arrives(self, event: ev.Event) -> None:
        """The inbox takes an id once."""
        if event.id not in self.inbox:
            self.inbox.add(event.id)
            self._decide(event)

    def _decide(self, event: ev.Event) -> None:
        decision = step(self.state, event, self.situation, self.engine_s)
        taken = Taken(self.state, event, self.situation, self.engine_s, decision)
        hold_for(taken)
        self.history.follow(taken, self.now_s)
        self._order_of_mails(taken)
        self.state = taken.after
        if self.state.out is None or self.state.out != taken.before.out:
            self.situation = replace(self.situation, of_run=NOWHERE)
        if self.random.random() < 0.05:  # the engine is killed and starts again: it knows what was stored
            self.state = decode(HostState, encode(self.state))
            assert self.state == taken.after
        if taken.before.out is not None and taken.after.out is None and taken.after.rescue:
            self._later(self.random.choice([60.0, 1800.0, 7200.0]), self._its_own_system_runs)
        incident = self.state.incident
        if incident is not None and incident.id == self.situation.new_id:
            self.situation = replace(self.situation, new_id=f"INC-{int(incident.id[4:]) + 1:06d}")
        for command in decision.commands:
            if isinstance(command, Run):
                self._execute(command)
            elif isinstance(command, Notify) and self.random.random() < 0.02:
                self._later(self.random.uniform(1, 600), self._is_lost(command))

    def _order_of_mails(self, taken: Taken) -> None:
        """R9: for each contact an incident begins with a fault, and ends once for each beginning."""
        for mail in taken.mails():
            heard = self.told.setdefault((mail.incident or "", mail.recipient), [])
            over = not heard or heard[-1] in ENDS
            if over:
                expected = (*BEGINNINGS, Message.LEVEL_CHANGE) if heard else BEGINNINGS
                assert mail.message in expected or heard[-1:] == [Message.SETTLED], f"{mail.message} after {heard[-3:]}"
            heard.append(mail.message)

    def _everybody_heard_the_end(self) -> None:
        for (incident, contact), heard in self.told.items():
            assert heard[-1] in (*ENDS, Message.SETTLED), f"{contact} heard of {incident}: {heard}"

    # the watcher

    def _looks(self, watched: Watched) -> Callable[[], None]:
        def look() -> None:
            interval_s = watched.check.interval_s
            if self.now_s < self.silent_until_s:
                self._later(interval_s, look)
                return
            gap = watched.looked_s is not None and self.now_s - watched.looked_s > 2 * interval_s
            seen = self._sees(watched)
            judged = judge(watched.check.confirmation, watched.memory, seen, self.now_s, gap)
            watched.memory, watched.looked_s = judged.memory, self.now_s
            if judged.change is not None:
                watched.order += 1
                self._send(
                    ev.VerdictChanged(
                        id=f"watcher/{watched.check.id}/{watched.order}",
                        at_s=judged.change.at_s,
                        host=HOST,
                        check=watched.check.id,
                        verdict=judged.change.verdict,
                        fault_at_s=judged.change.fault_at_s,
                        evidence_since_s=judged.change.evidence_since_s,
                        detail=judged.change.detail,
                        value=judged.change.value,
                        limit=judged.change.limit,
                        told_only=judged.change.told_only,
                        order=watched.order,
                    )
                )
            self._later(judged.retry_s or interval_s, look)

        return look

    def _sees(self, watched: Watched) -> Observation:
        if self.now_s < self.cut_off_until_s:
            return unknown("no anchor answers")
        if watched.failing or self.now_s < watched.off_until_s or self.random.random() < 0.01:
            if watched.check is DISK:
                limit = self.random.choice(LIMITS)
                return down("", limit.value + 1, limit)
            lost = self.random.random() < 0.1
            return down("name resolution failed")._replace(told_only=True) if lost else down("connection refused")
        return up("answers")

    def _send(self, event: ev.Event) -> None:
        """Mostly at once; sometimes late enough to be overtaken; sometimes twice."""
        delays_s = [0.5 if self.random.random() < 0.8 else self.random.uniform(0, 900)]
        if self.random.random() < 0.2:
            delays_s.append(self.random.uniform(0, 1800))
        for delay_s in delays_s:
            self._later(delay_s, lambda: self._arrives(event))

    # executors

    def _execute(self, run: Run) -> None:
        if self.random.random() < 0.1:
            return  # it vanishes, and nobody hears of it again
        takes_s = self.random.choice([5.0, 60.0, 900.0, 4000.0])
        if self.random.random() < 0.8:
            self._later(takes_s / 2, lambda: self._send(self._announcement(run)))
        if self.random.random() < 0.3:
            self._later(takes_s * 0.6, lambda: self._switches_the_power(run))
        self._later(takes_s, lambda: self._ends(run))

    def _switches_the_power(self, run: Run) -> None:
        """All goes down; what is well comes up again, which may last longer than the run."""
        if self.state.out is None or self.state.out.key != run.key:
            return
        self.situation = replace(self.situation, of_run=Whereabouts(power=True, acted=True))
        for watched in self.watched:
            watched.off_until_s = self.now_s + self.random.choice([20.0, 200.0, 400.0])

    def _announcement(self, run: Run) -> ev.Event:
        self.drawn += 1
        by = self.random.choice(["flow:1", "hands:1"])
        return ev.WorkAnnounced(id=f"announced/{self.drawn}", at_s=self.now_s, host=HOST, run=run.key, by=by)

    def _ends(self, run: Run) -> None:
        outcome = self.random.choice(list(ev.RunOutcome))
        acted = outcome not in (ev.RunOutcome.GONE, ev.RunOutcome.REFUSED) or self.random.random() < 0.1
        rescue = self.random.choice([None, None, None, False, outcome is not ev.RunOutcome.FIXED]) if acted else None
        if self.state.out is not None and self.state.out.key == run.key:
            self.situation = replace(self.situation, of_run=Whereabouts(acted or self.situation.of_run.power, rescue, acted))
        if outcome is ev.RunOutcome.FIXED:
            for watched in self.watched:
                watched.failing = watched.failing and watched.check.id not in run.checks
        self.drawn += 1
        self._send(
            ev.RunEnded(
                id=f"ended/{self.drawn}",
                at_s=self.now_s,
                host=HOST,
                run=run.key,
                outcome=outcome,
                acted=acted,
                by="hands:1",
                detail="…",
            )
        )

    def _is_lost(self, mail: Notify) -> Callable[[], None]:
        def lost() -> None:
            self._send(
                ev.DeliveryFailed(
                    id=f"lost/{mail.key}",
                    at_s=self.now_s,
                    host=HOST,
                    command=mail.key,
                    message=mail.message,
                    recipient=mail.recipient,
                    error="550 no such user",
                )
            )

        return lost

    # mischief

    def _mischief(self) -> None:
        self.drawn += 1
        self.random.choice(
            [
                *([self._something_breaks] * 4),
                *([self._something_heals] * 3),
                *([self._everything_heals] * 2),
                self._something_flickers,
                self._the_watcher_is_cut_off,
                self._the_watcher_is_silent,
                self._something_happens,
                self._the_watcher_restarts,
                self._the_clock_is_set,
                self._the_machine_reboots,
                self._a_pause_begins,
                self._pauses_are_cancelled,
                self._somebody_holds,
                self._all_is_released,
                self._somebody_acknowledges,
                self._somebody_runs_something,
                self._the_inventory_changes,
                self._many_others_fall,
                self._many_others_are_back,
                self._the_switch_falls,
            ]
        )()
        self._later(self.random.choice([1.0, 30.0, 120.0, 600.0, 1200.0]), self._mischief)

    def _something_breaks(self) -> None:
        self.random.choice(self.watched).failing = True

    def _something_heals(self) -> None:
        self.random.choice(self.watched).failing = False

    def _everything_heals(self) -> None:
        for watched in self.watched:
            watched.failing = False

    def _something_flickers(self) -> None:
        watched = self.random.choice(self.watched)

        def flicker() -> None:
            watched.failing = not watched.failing

        for number in range(2 * self.random.randint(1, 5)):
            self._later(200.0 * number, flicker)

    def _the_watcher_is_cut_off(self) -> None:
        self.cut_off_until_s = self.now_s + self.random.choice([90.0, 1200.0])

    def _the_watcher_is_silent(self) -> None:
        self.silent_until_s = self.now_s + self.random.choice([200.0, 3000.0])
        self._arrives(ev.EvidenceLost(id=f"silent/{self.drawn}", at_s=self.engine_s, host=HOST))

    def _something_happens(self) -> None:
        check = self.random.choice(CHECKS).id
        self._arrives(ev.Occurred(id=f"said/{self.drawn}", at_s=self.engine_s, host=HOST, check=check, what="coldStart"))

    def _the_watcher_restarts(self) -> None:
        for watched in self.watched:
            watched.memory, watched.looked_s = Memory(), None

    def _the_clock_is_set(self) -> None:
        self._set_clock(self.random.choice([0.0, 1.0, -1.0, 600.0, -7 * HOUR_S, 5 * HOUR_S]))

    def _set_clock(self, offset_s: float) -> None:
        """What waits is moved with it, as ``engine.stepping`` does it."""
        by_s, self.offset_s = offset_s - self.offset_s, offset_s
        self.state = moved(self.state, by_s)
        if self.situation.outage_until_s is not None:
            self.situation = replace(self.situation, outage_until_s=self.situation.outage_until_s + by_s)
        if (over := self.situation.above) is not None:
            back_s = over.back_s + by_s if over.back_s is not None else None
            self.situation = replace(self.situation, above=over._replace(since_s=over.since_s + by_s, back_s=back_s))

    def _the_machine_reboots(self) -> None:
        """With whatever its clock says."""
        self.offset_s = self.random.choice([0.0, 0.0, -HOUR_S, 9 * HOUR_S, -9000 * 24 * HOUR_S])
        self.state = renewed(self.state, self.engine_s)
        if (over := self.situation.above) is not None:
            back_s = min(over.back_s, self.engine_s) if over.back_s is not None else None
            self.situation = replace(self.situation, above=over._replace(since_s=self.engine_s, back_s=back_s))

    def _a_pause_begins(self) -> None:
        start = datetime.fromtimestamp(self.engine_s, UTC).replace(tzinfo=None).isoformat()
        check = self.random.choice([None, None, self.random.choice(CHECKS).id])
        pause = Pause(f"p{self.drawn}", start, self.random.choice([60.0, 1800.0, 4 * HOUR_S]), "UTC", host=HOST, check=check)
        self.situation = replace(self.situation, pauses=(*self.situation.pauses[-2:], pause))
        self._arrives(ev.PauseSet(id=f"pause/{self.drawn}", at_s=self.engine_s, pause=pause, by="first"))

    def _pauses_are_cancelled(self) -> None:
        self.situation = replace(self.situation, pauses=())
        self._arrives(ev.PauseCancelled(id=f"cancelled/{self.drawn}", at_s=self.engine_s, pause="all", by="first"))

    def _somebody_holds(self) -> None:
        held, held_all = self.random.choice([(True, False), (False, True)])
        self.situation = replace(self.situation, held=held, held_all=held_all, stop_file=self.random.random() < 0.2)
        self._arrives(ev.HoldSet(id=f"hold/{self.drawn}", at_s=self.engine_s, host=HOST, by="first"))

    def _all_is_released(self) -> None:
        self.situation = replace(self.situation, held=False, held_all=False, stop_file=False)
        self._arrives(ev.HoldReleased(id=f"release/{self.drawn}", at_s=self.engine_s, host=HOST, by="first"))

    def _somebody_acknowledges(self) -> None:
        incident = self.state.incident.id if self.state.incident is not None else "INC-000000"
        self._send(ev.Acknowledged(id=f"ack/{self.drawn}", at_s=self.engine_s, incident=incident, host=HOST, by="first"))

    def _somebody_runs_something(self) -> None:
        runbook = self.random.choice([RESTART, POWER, "another"])
        self._arrives(ev.RunRequested(id=f"request/{self.drawn}", at_s=self.engine_s, host=HOST, runbook=runbook, by="first"))

    def _its_own_system_runs(self) -> None:
        """Somebody has looked; later, where another run is at work there."""
        if self.state.rescue and self.state.out is not None:
            self._later(1800.0, self._its_own_system_runs)
            return
        self.drawn += 1
        event = ev.OwnSystemRuns(id=f"own/{self.drawn}", at_s=self.engine_s, host=HOST, by="first", reason="seen")
        self._arrives(event)

    def _many_others_fall(self) -> None:
        self.situation = replace(self.situation, outage_until_s=self.engine_s + self.random.choice([600.0, HOUR_S]))

    def _many_others_are_back(self) -> None:
        self.situation = replace(self.situation, outage_until_s=None)
        self.drawn += 1
        self._decide(ev.TimerFired(id=f"back/{self.drawn}", at_s=self.engine_s, host=HOST))

    def _the_switch_falls(self) -> None:
        """With it all that hangs on it. It is known as soon as it can be; and so is its return."""
        for_s = self.random.choice([30.0, 100.0, 400.0, 4000.0])
        for watched in self.watched:
            watched.off_until_s = max(watched.off_until_s, self.now_s + for_s)
        if for_s > ABOVE.confirm_s:
            self._later(ABOVE.confirm_s, lambda: self._the_switch_is("switch", self.engine_s))
            self._later(for_s + self.random.uniform(0.0, 60.0), lambda: self._the_switch_is("", self.engine_s))

    def _the_switch_is(self, down: str, at_s: float) -> None:
        over = self.situation.above or ABOVE
        after = over._replace(down="", back="switch", back_s=at_s)
        if down:
            after = over._replace(down=down, since_s=at_s, fell_at_s=at_s)
        self.situation = replace(self.situation, above=after)
        self.drawn += 1
        self._decide(ev.TimerFired(id=f"switch/{self.drawn}", at_s=self.engine_s, host=HOST))

    def _the_inventory_changes(self) -> None:
        self._accept(self.random.choice(self.inventories))

    def _accept(self, accepted: Policy) -> None:
        self.situation = self._under(accepted, self.situation)
        self._arrives(ev.PolicyChanged(id=f"policy/{self.drawn}", at_s=self.engine_s, host=HOST, version=accepted.version))

    @staticmethod
    def _under(accepted: Policy, situation: Situation) -> Situation:
        return replace(situation, policy=accepted, host=accepted.hosts.get(HOST))

    @staticmethod
    def _inventories() -> tuple[Policy, ...]:
        often = Flapping(changes=4, window_s=1800)
        return (
            policy(version="1", flapping=often),
            policy(version="2", mode=Mode.SHADOW, flapping=often),
            policy(version="3", checks=CHECKS[2:], flapping=often),
            policy(version="4", contract=Contract(), on_call=OnCall(("second",)), flapping=often),
            policy(version="5", checks=None),
            policy(version="6", mode=Mode.OFF, procedures={}, on_call=OnCall(())),
            policy(version="7", owner=OTHER),
            replace(policy(version="8", on_call=OnCall(("second",))), operators={"second": OPERATORS["second"]}),
        )

    # the end

    def _heal(self) -> None:
        """All is well again, and stays so: what was under way arrives, what lasts is lifted."""
        self.random = _NoMoreTrouble()
        self.agenda = [item for item in self.agenda if item[2].__name__ not in TROUBLE]
        heapq.heapify(self.agenda)
        self.cut_off_until_s = self.silent_until_s = 0.0
        self._set_clock(0.0)
        self.drawn += 1
        self._all_is_released()
        self._pauses_are_cancelled()
        self._many_others_are_back()
        self._accept(self.inventories[0])
        for watched in self.watched:
            watched.failing = False
            watched.off_until_s = 0.0
            watched.memory, watched.looked_s = Memory(), None  # the watcher starts anew and says what it sees


class _NoMoreTrouble(Random):
    """Draws what makes no trouble."""

    def random(self) -> float:
        return 0.5
