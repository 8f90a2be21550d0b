"""Which tests run in the same worker of xdist: those that share something that is slow to start.

xdist has ``loadgroup`` for this, which renames tests; pytest 9.2 takes no notice of the new names.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it brings no types

SLOW_TO_START = {"machines", "night", "prefect_bed", "up", "walks", "wheel"}
"""Fixtures of a session or module that take seconds; a second worker would start them again."""
TOGETHER = {
    "tests/contract/test_prefect_api.py": "prefect",
    "tests/contract/test_prefect_trust.py": "prefect",
    "tests/faults/test_executor.py": "prefect",
    "tests/faults/test_flow_killed.py": "prefect",
    "tests/faults/test_flows.py": "up",
    "tests/simulation/test_walk.py": "walk",
    "tests/story/test_machines.py": "machines",
    "tests/story/test_machines_at_length.py": "machines at length",
    "tests/story/test_operators.py": "operators",
    "tests/story/test_secrecy.py": "secrecy",
    "tests/unit/test_package.py": "wheel",
}
"""Files whose tests stay together."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # of no type, as above
    """Test by test to whichever worker is free, but for the files of ``TOGETHER``, which go first."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER.get(nodeid.partition("::")[0], nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        used = SLOW_TO_START & set(getattr(item, "fixturenames", ()))
        if used and item.nodeid.partition("::")[0] not in TOGETHER:
            raise pytest.UsageError(f"{item.nodeid} uses {used.pop()}, so its file belongs into TOGETHER of {__file__}")
