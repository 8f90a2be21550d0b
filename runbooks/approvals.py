"""What the project vouches for: the shipped runbooks that were rehearsed, by content hash."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Shipped:
    """A runbook was rehearsed in this version (SHA-256) with this fault (a key of the bed's faults) for this release."""

    runbook: str
    version: str
    fault: str
    release: str


@cache
def shipped() -> Mapping[str, Shipped]:
    """The list beside the shipped runbooks, by their ids."""
    listed = tomllib.loads(resources.files("runbooks").joinpath("approvals.toml").read_text(encoding="utf-8"))
    return {name: Shipped(name, item["sha256"], item["fault"], item["release"]) for name, item in listed.items()}
