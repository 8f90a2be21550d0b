"""Runs a probe's dialogue without sockets: bytes in, what it sent and saw out."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from domain.model import Secret
from domain.observation import Observation
from probes import PROBES
from probes.conversation import Conversation
from probes.spec import Ask, Connect, Dialogue, Echo, Hear, Now, PeerCertificate, Read, Send, Spec, StartTls, Target, Wish
from probes.spec import Talk as Spoken

EOF = b""
NOW_S = 1767225600.0  # 2026-01-01

Piece = bytes | Callable[[bytes], bytes]
"""What comes, or how it is made of what was sent last."""


class Talk(NamedTuple):
    """``seen`` is ``None`` when the dialogue still waits for more; ``wishes`` is what it asked of the driver."""

    seen: Observation | None
    sent: bytes
    wishes: list[Wish]


def secret(reference: Secret) -> str:
    return f"the secret {reference.name}"


def look(kind: str, given: Mapping[str, object], address: str = "192.0.2.1") -> Dialogue:
    """The dialogue of a check of this kind."""
    return start(PROBES[kind], target(kind, given, address))


def target(kind: str, given: Mapping[str, object], address: str) -> Target:
    """What such a check looks at, its options parsed as the inventory parses them."""
    spec = PROBES[kind]
    parsed = {name: spec.options[name].parse(value) for name, value in given.items()}
    return Target(address, spec.complete(parsed), secret)


def start(spec: Spec, target: Target) -> Dialogue:
    way = spec.shape(target.options)
    assert isinstance(way, Spoken), f"{spec.name} is no dialogue"
    return way.start(target)


def talk(dialogue: Dialogue, pieces: Iterable[Piece] = ()) -> Talk:
    """Feed the pieces one by one whenever it reads, waits for a datagram or wants the peer's certificate; an empty one is the end
    of a connection. It is always ``NOW_S``."""
    conversation = Conversation(dialogue)
    coming = iter(pieces)
    sent, last, wishes = b"", b"", []
    step = conversation.begin()
    while not isinstance(step, Observation):
        wishes.append(step)
        if isinstance(step, Ask | Send):
            last = step.data
            sent += last
        if isinstance(step, Read | Ask | Hear | PeerCertificate):
            piece = next(coming, None)
            if piece is None:
                return Talk(None, sent, wishes)
            data = piece if isinstance(piece, bytes) else piece(last)
            if not isinstance(step, Read):
                step = conversation.answered(data)
            else:
                step = conversation.fed(data) if data else conversation.ended()
        elif isinstance(step, Now):
            step = conversation.answered(b"%.3f" % NOW_S)
        else:
            assert isinstance(step, Connect | StartTls | Send | Echo)
            step = conversation.done()
    return Talk(step, sent, wishes)


def in_pieces(data: bytes, *cuts: int) -> list[bytes]:
    """The same bytes as TCP may deliver them, then the end."""
    at = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(at)] + [EOF]
