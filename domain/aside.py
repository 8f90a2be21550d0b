"""An event that can't be decided: what is recorded and told of it, so that the engine can go on with the next one."""

from domain.messages import notice_operators
from domain.reasons import Code
from domain.state import Decision, Draft, HostState, Situation

NOTICE_EVERY_S = 3600.0


def set_aside(situation: Situation, event: str, kind: str, error: str, now_s: float) -> Decision:
    """The decision about an event (``event``: its id, ``kind``: its class) that could not be read, or that ``step`` failed on.

    Nothing follows from the event but a record and a notice to the operators; within an hour one notice for all of a kind, as
    what fails once may fail for every host.
    """
    draft = Draft(HostState(""), situation, now_s, cause=f"{kind}/{int(now_s // NOTICE_EVERY_S)}")
    draft.because(Code.EVENT_SET_ASIDE, event=event, error=error)
    notice_operators(draft, Code.EVENT_SET_ASIDE, event=event, error=error)
    return draft.decision()
