"""How often Python looks for rubbish that refers to itself: looks leave none, and thousands of checks stay."""

import gc

YOUNG = 20_000
"""Objects that were made and not taken back: several seconds' worth, where the interpreter's own 700 are some dozen looks."""


def settle_down() -> None:
    """What is there by now lives as long as the inventory: no collection need walk it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)
