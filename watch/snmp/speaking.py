"""What every way of speaking with an SNMP agent has in common: who is no partner, and how long others' answers are borne."""

from collections.abc import Callable, Generator, Sequence
from typing import Protocol, TypeVar

from probes.reading import Oid
from probes.spec import Ask, Hear, Wish
from watch.snmp.message import Response

T = TypeVar("T")
AGENT = "answer of the SNMP agent"
MAX_STRAYS = 64
"""What comes from the agent's port and answers nothing that was asked; answers to repeated requests are some of these."""

Hearing = Generator[Wish, bytes, T]


class Faulty(Exception):  # noqa: N818 - a signal within a session
    """The agent's answers can't be made anything of; the text says why."""


class Speaks(Protocol):
    """``bulk``: does it know GETBULK?"""

    @property
    def bulk(self) -> bool: ...

    def ask(self, kind: int, oids: Sequence[Oid], repetitions: int) -> Hearing[Response]:
        """One request and its response. Raises ``Faulty``."""
        ...


class Strays:
    """Of one session."""

    def __init__(self) -> None:
        self._seen = 0

    def answer(self, ask: Ask, read: Callable[[bytes], T | None]) -> Hearing[T]:
        """The first that can be ``read``. Raises ``Faulty`` after too many that can't."""
        data = yield ask
        while (answer := read(data)) is None:
            self._seen += 1
            if self._seen > MAX_STRAYS:
                raise Faulty("the SNMP port answers with what is no answer of an SNMP agent")
            data = yield Hear(f"{AGENT} to what was asked")
        return answer
