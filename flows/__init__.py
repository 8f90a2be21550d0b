"""Prefect: thin flows around engine functions, the executor that serves them, and how their server is run.

Only this room imports ``prefect`` (and ``flows.server`` doesn't: the supervisor starts at once).
"""
