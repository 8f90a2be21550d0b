"""Settings that can't be read, in words: which variable, what would be right, what it holds."""

from pydantic import ValidationError

from domain.mistake import shown
from engine.settings import Settings

_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


def mistakes(error: ValidationError) -> list[str]:
    """One line for each variable, in the order of ``docs/settings.md``."""
    lines = []
    for item in error.errors():
        name = str(item["loc"][0])
        own = item["type"] == "value_error"  # a validator of ours, whose words say already what would be right
        must = item["msg"].removeprefix("Value error, ") if own else _must(name)
        lines.append(f"HIKESHI_{name.upper()}: {must} (got {shown(item['input'])})")
    return lines


def _must(name: str) -> str:
    schema = Settings.model_json_schema()["properties"][name]
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = "" if low is None else f" of {low} or more" if high is None else f" from {low} to {high}"
    return f"must be {_KINDS[schema['type']]}{bounds}"
