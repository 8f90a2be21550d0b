"""Procedures as YAML data: `load` reads and checks those of a folder, `read` those in files."""

from runbooks.load import RunbookError, load, read

__all__ = ["RunbookError", "load", "read"]
