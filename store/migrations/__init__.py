"""The schema's history. ``HEAD`` is the version that this code works with."""

HEAD = "0011"
