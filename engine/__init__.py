"""The process that decides, and those that act on what it decided."""
