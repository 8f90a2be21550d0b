"""docs/inventory.md lists every key and every option, in the words the loader's own messages use."""

import re
from pathlib import Path

import pytest

from inventory import keys
from probes import PROBES

PAGE = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")


def table(heading: str) -> dict[str, str]:
    """The rows of the table under a heading: first column to second."""
    below = PAGE.split(f"### `{heading}`\n", 1)
    assert len(below) == 2, f"docs/inventory.md has no heading for {heading}"
    section = re.split(r"^#", below[1], maxsplit=1, flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("heading", keys.REFERENCE)
def test_every_key_is_documented(heading: str) -> None:
    assert table(heading) == dict(keys.REFERENCE[heading])


@pytest.mark.parametrize("kind", PROBES)
def test_every_option_of_every_kind_is_documented(kind: str) -> None:
    options = {name: option.doc + (" (required)" if option.required else "") for name, option in PROBES[kind].options.items()}
    assert table(f"kind: {kind}") == options


def test_nothing_is_documented_that_does_not_exist() -> None:
    headings = set(re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE))
    assert headings == {*keys.REFERENCE, *(f"kind: {kind}" for kind in PROBES)}
