"""What a reading makes of an agent's values, without sockets."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from snmp_agent import FakeAgent, Said, polled

from domain.observation import Observation, Verdict
from probes import PROBES
from probes.reading import Get, Item, Oid, Reading, Terms, Values, judged
from probes.spec import Spec

Cells = Mapping[int | Oid, Said] | Sequence[Said]
"""By index, or from 1 on."""
Offer = Mapping[Item, Said | Cells]


def agent(values: Offer) -> FakeAgent:
    said: dict[Oid, Said] = {}
    for item, value in values.items():
        if isinstance(item, Get):
            said[item.oid] = cast("Said", value)
        else:
            cells = cast(
                "Mapping[int | Oid, Said]", value if isinstance(value, Mapping) else dict(enumerate(cast("list[Said]", value), 1))
            )
            said |= {(*item.column, *((row,) if isinstance(row, int) else row)): cell for row, cell in cells.items()}
    return FakeAgent(said)


class Looks:
    """A check of this kind, look after look."""

    def __init__(self, kind: str, options: Mapping[str, object] | None = None, profile: str = "standard") -> None:
        self.spec: Spec = PROBES[kind]
        self.memory: Any = None
        given = {name: self.spec.options[name].parse(value) for name, value in (options or {}).items()}
        self.options = self.spec.complete(self.spec.in_profile(profile, given))

    def see(self, values: Offer | FakeAgent, now_s: float = 0.0) -> Observation | None:
        way = self.spec.way
        assert isinstance(way, Reading)
        asked = values if isinstance(values, FakeAgent) else agent(values)
        answered, found = polled(asked, *way.wants(self.options))
        assert answered.verdict is Verdict.UP, answered.detail
        seen, self.memory = judged(way, Terms(self.options, self.spec.level), self.memory, Values(found), now_s)
        return seen


def seen(kind: str, values: Offer, options: Mapping[str, object] | None = None, profile: str = "standard") -> Observation:
    """Of the first look."""
    found = Looks(kind, options, profile).see(values)
    assert found is not None
    return found
