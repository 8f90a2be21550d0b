"""``hikeshi demo``: the main job as a story, with everything that a user runs, around a real host."""
