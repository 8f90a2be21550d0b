"""How commands answer: a table for people, or JSON for programs; errors on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence

from domain.wording import plain
from hikeshi.exits import Exit


def out_json(value: object) -> None:
    """One JSON document on standard output."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def out_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table under its title; long texts wrap, nothing is cut off."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(header_style="bold", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not markup: a label in brackets is a label. Plain: a server's banner must not drive the operator's terminal.
        table.add_row(*(Text(plain(str(value))) for value in row))
    width = None if sys.stdout.isatty() else 160
    console = Console(width=width, highlight=False)
    console.print(Text(title, style="bold"))
    console.print(table if table.rows else Text("none"))


def counted(number: int, what: str) -> str:
    """A number and its noun, which is given in the plural that ends in s."""
    return f"{number} {what.removesuffix('s') if number == 1 else what}"


def refuse(text: str, code: Exit = Exit.REFUSED) -> Exit:
    print(f"hikeshi: {text}", file=sys.stderr)
    return code
