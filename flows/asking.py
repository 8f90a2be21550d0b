"""Forms by which operators ask for something: their fields, and the engine's answer in words.

What a field is for stands in its flow's docstring: that is where Prefect takes it from. What was typed is checked thrice: by the
form, by the server against the same schema, and by the engine against the inventory.
"""

from typing import Annotated

from prefect.states import Failed
from pydantic import Field

from domain.reasons import Code
from engine.requests import UNANSWERED, Answer
from flows.showing import AnyState, Told
from notify.reasons import explain

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"

Name = Annotated[str, Field(pattern=NAME)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


def answered(answer: Answer, zone: str, unanswered: str = UNANSWERED) -> AnyState:
    """The state that says what the engine made of a request."""
    if not answer.decided:
        return Told("unanswered", unanswered, bad=True).state
    words = "; ".join(explain(Code(code), facts, "en", zone) for code, facts in answer.reasons)
    return Told("done" if answer.granted else "refused", words, bad=not answer.granted).state


def not_possible(error: Exception) -> AnyState:
    """The state of a request that names something that is not there."""
    return Failed(name="Not possible", message=str(error))
