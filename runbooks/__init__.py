"""Procedures as YAML data: `load` reads and checks them."""

from runbooks.load import RunbookError, load

__all__ = ["RunbookError", "load"]
