"""What the audience sees: a table that grows while the story is played; plain lines where nobody watches."""

import io
import re
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from domain.ports import Clock

STYLES = {
    "story": "bold",
    "host": "red",
    "watch": "yellow",
    "decide": "cyan",
    "act": "magenta",
    "prefect": "blue",
    "mail": "green",
    "report": "green",
    "explain": "dim",
    "check": "bold green",
    "wrong": "bold red",
}
"""Who speaks, and in what colour."""
WIDTH = 150
"""Columns where there is no terminal to ask."""


class Screen:
    """A context manager; ``say`` adds one line."""

    def __init__(self, clock: Clock) -> None:
        self.console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
        self._clock = clock
        self._begun_s = clock.boottime_s()
        self._rows: list[tuple[str, str, str]] = []
        self._live = Live(self._table(), console=self.console, refresh_per_second=4) if self.console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live is not None:
            self._live.update(self._table(everything=True))
            self._live.stop()

    def save(self, path: Path) -> None:
        """The whole story as a picture (SVG)."""
        canvas = Console(width=WIDTH, record=True, file=io.StringIO(), highlight=False)
        canvas.print(self._table(everything=True))
        picture = canvas.export_svg(title="make demo")
        # the fonts it would fetch from elsewhere: a picture of ours loads nothing
        path.write_text(re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL), encoding="utf-8")

    def say(self, who: str, text: str) -> None:
        """One line of the story."""
        row = (f"{self._clock.boottime_s() - self._begun_s:6.1f}", who, text)
        self._rows.append(row)
        if self._live is not None:
            self._live.update(self._table())
        else:
            self.console.print(Text(f"{row[0]} s  {who:8} {text}", STYLES.get(who, "")))

    def _table(self, *, everything: bool = False) -> Table:
        """The newest rows that fit the terminal; all of them at the end."""
        table = Table(
            box=None, pad_edge=False, header_style="bold", title="hikeshi 火消し", title_justify="left", title_style="bold red"
        )
        table.add_column("s", justify="right", style="dim")
        table.add_column("who")
        table.add_column("what", overflow="fold", ratio=1)
        shown = self._rows if everything else self._rows[-max(5, self.console.height - 4) :]
        for at, who, text in shown:
            style = STYLES.get(who, "")
            table.add_row(
                at, Text(who, style), Text(text, "bold" if who == "story" else style if who in ("wrong", "check") else "")
            )
        return table
