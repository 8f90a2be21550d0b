"""Exit codes, the same for every command; documented in ``docs/operations.md``."""

from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    REFUSED = 1
    """Something said no: the gate, somebody who has it already, a port or a file in the way. The text says which."""
    USAGE = 2
    """The command line itself is wrong."""
    UNANSWERED = 3
    """Written down, but no engine answered in time; it decides when it is back."""
    BAD_INPUT = 4
    """An inventory, a runbook, a name in it or a setting is wrong; every mistake is listed."""
    NO_STORE = 5
    """There is no store, or not one of this version, or it can't be reached."""
