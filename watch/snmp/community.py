"""Speaks with an agent in v1 or v2c: who knows the community may ask."""

from collections.abc import Sequence

from probes import chance
from probes.reading import Oid
from probes.spec import Ask
from watch.snmp.message import GET, NUMBER_BYTES, Access, Bind, Response, Version, framed, response
from watch.snmp.shape import Shape, learnt
from watch.snmp.speaking import AGENT, Hearing, Strays

MAX_SHAPES = 20_000
"""Of answers, each about a kilobyte."""
_SILENCE = "it is silent to a wrong community, too"
_shapes: dict[tuple[tuple[str, int], bytes], Shape] = {}
"""By where the agent listens and what it was asked."""


class OfCommunity:
    def __init__(self, where: tuple[str, int], access: Access) -> None:
        self._where, self._access = where, access
        self.bulk = access.version is Version.V2C
        self._strays = Strays()
        self._heard = False

    def ask(self, kind: int, oids: Sequence[Oid], repetitions: int) -> Hearing[Response]:
        number = 2**30 + int.from_bytes(chance.token()[:NUMBER_BYTES], "big") % 2**30  # always of four bytes
        before, after = framed(self._access, kind, tuple(oids), repetitions)
        asked = before + number.to_bytes(NUMBER_BYTES, "big") + after
        key = (self._where, after)

        def read(data: bytes) -> Response | None:
            shape = _shapes.get(key)
            values = shape.values(data, number) if shape is not None else None
            if values is not None:
                return Response(0, 0, [*map(Bind, oids, values)])
            answer = response(data, self._access, number)
            if answer is not None and kind == GET and not answer.status and [bind.oid for bind in answer.binds] == [*oids]:
                _keep(key, learnt(data, len(oids)))
            return answer

        answer = yield from self._strays.answer(Ask(*self._where, asked, AGENT, "" if self._heard else _SILENCE), read)
        self._heard = True
        return answer


def _keep(key: tuple[tuple[str, int], bytes], shape: Shape) -> None:
    _shapes[key] = shape
    if len(_shapes) > MAX_SHAPES:
        del _shapes[next(iter(_shapes))]
