"""Which tests stay on one worker of xdist (``--dist loadgroup``): those that share something that is slow to start."""

import pytest

SLOW_TO_START = ("prefect_bed", "up", "wheel")
"""Fixtures of a session or module that take seconds; a second worker would start them again."""


@pytest.hookimpl(tryfirst=True)  # before xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        used = [name for name in SLOW_TO_START if name in getattr(item, "fixturenames", ())]
        if used and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(used[0] if used[0] == "prefect_bed" else f"{used[0]} {item.path.stem}"))
