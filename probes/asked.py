"""A question asked by one datagram, and which datagram answers it: for the protocols over UDP."""

from collections.abc import Callable, Generator

from domain.observation import Observation, down
from probes.spec import Ask, Hear, Wish

MAX_OTHERS = 100
"""So many datagrams that answer another question are let pass: a late one, or a forged one, is no evidence; a flood of them is."""
OTHERS = down("answers what it was not asked")


def asked(ask: Ask, answers: Callable[[bytes], bool]) -> Generator[Wish, bytes, bytes | Observation]:
    """The first datagram that answers what was asked; ``OTHERS`` where the peer sends one after the other that doesn't."""
    heard = yield ask
    others = 0
    while not answers(heard):
        others += 1
        if others == MAX_OTHERS:
            return OTHERS
        heard = yield Hear(ask.awaited)
    return heard
