"""Bytes that nobody can guess: what an answer is known by. Drawn many at a time, as a call of the system for each costs more than
the rest of a question."""

import os

BYTES = 16
_MANY = 256
_drawn: list[bytes] = []


def token() -> bytes:
    """``BYTES`` that were given to nobody else, whichever thread or process asks."""
    try:
        return _drawn.pop()
    except IndexError:
        fresh = os.urandom(_MANY * BYTES)
        _drawn.extend(fresh[at : at + BYTES] for at in range(BYTES, len(fresh), BYTES))
        return fresh[:BYTES]


os.register_at_fork(after_in_child=_drawn.clear)
