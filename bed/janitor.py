"""`python -m bed.janitor N`, started by each bed: clears slot N once the bed's process has ended, even by SIGKILL."""

import sys
import time

from bed import slot

_ENDING_S = 5.0

if __name__ == "__main__":
    # Ends when the owner has closed its end of the pipe, by will or by dying.
    sys.stdin.read()
    # A dying process lets go of its pipe a moment before its lock. Who holds the lock for longer is the slot's next owner, and has
    # cleared it before moving in.
    deadline_s = time.monotonic() + _ENDING_S
    while not slot.clear_if_dead(int(sys.argv[1])) and time.monotonic() < deadline_s:
        time.sleep(0.05)
