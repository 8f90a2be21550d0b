"""The steady clock: by it waits everything that is stored. The wall clock as it was last taken over, carried on by CLOCK_BOOTTIME.

Wall clocks are set, by an hour or by years. Of a wait that is stored as a time of day, a step back would make as much longer, and
one forward would end it at once. So what waits (commands, timers, the deadlines of incidents and runs) is stored and compared in
this clock's time, which no step moves. The engine looks whether the wall clock has left it by more than ``STEP_S``, and then, in
one transaction, takes the wall clock over and moves all that waits by as much (``engine.stepping``): every wait lasts as long
as it would have. Until then, and while no engine runs, a step changes nothing.

What people read (when a fault began, was told, was worked on, what was decided) is what the clock said then, and is never moved.

What the clock is made of is kept in the store beside the boot's id. So it holds for all processes and over their restarts, and
a step while none of them ran is found as well. After a reboot CLOCK_BOOTTIME has begun anew, and nothing tells a step from the
time the machine was off, nor whether the clock is right by now. So the engine takes the wall clock over, and every wait begins
anew (``domain.stepped.renewed``): whatever waits was stamped in this boot, and goes with the clock when that is put right.
Pauses are times of day and nothing else, so they begin and end by the wall clock that was taken over last.
"""

from sqlmodel import Session, select

from domain.ports import Clock
from store.db import boot_id, store_of
from store.tables import Boot

STEP_S = 2.0
"""A wall clock that was set by less is left alone: nobody sees the difference, and nothing is gained by moving everything."""

_AT_ONCE_S = 0.1

_KEPT = select(Boot.boot_id, Boot.epoch_s)


def now_s(session: Session) -> float:
    """The steady time. The wall clock's where no engine has kept it yet in this boot (and on another machine than the engine's)."""
    clock, epoch_s = store_of(session).clock, _epoch_s(session)
    return clock.boottime_s() + epoch_s if epoch_s is not None else clock.now_s()


def rebooted(session: Session) -> bool:
    """Has this machine begun anew, and the engine not looked since? Then all that waits was stamped in another boot."""
    kept = session.exec(_KEPT).first()
    return kept is not None and kept[0] == boot_id() and kept[1] is None


def stepped_s(session: Session) -> float | None:
    """How far the wall clock was set since it was taken over; 0.0: it was not; ``None``: it was not taken over in this boot."""
    epoch_s = _epoch_s(session)
    if epoch_s is None:
        return None
    by_s = _wall_epoch_s(store_of(session).clock) - epoch_s
    return by_s if abs(by_s) > STEP_S else 0.0


def take_over(session: Session) -> None:
    """From now on the steady time is the wall clock's again. Whoever calls this moves what waits, in the same transaction."""
    row = session.get(Boot, 1) or Boot(boot_id="")
    row.boot_id, row.epoch_s = boot_id(), _wall_epoch_s(store_of(session).clock)
    session.add(row)


def _epoch_s(session: Session) -> float | None:
    kept = session.exec(_KEPT).first()
    return kept[1] if kept is not None and kept[0] == boot_id() else None


def _wall_epoch_s(clock: Clock) -> float:
    """What the wall clock said when CLOCK_BOOTTIME began. Both have to be read at one moment: a process that was stopped between
    the two would see a step that never was."""
    while True:
        before_s = clock.boottime_s()
        epoch_s = clock.now_s() - before_s
        if clock.boottime_s() - before_s < _AT_ONCE_S:
            return epoch_s
