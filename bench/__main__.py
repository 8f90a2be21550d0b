"""``python -m bench [NAME...]``: measure, print one table; exit status 1 when a limit is missed or a measurement failed.

Names choose among the files: ``python -m bench cli`` runs ``bench_cli.py``. Each file runs in a process of its own, so that none
measures what another has imported.
"""

import argparse
import importlib
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import Figure

FOLDER = Path(__file__).parent
TIMEOUT_S = 1200


def main() -> int:
    """Run the chosen files, each in its own process; print the table."""
    known = [path.stem.removeprefix("bench_") for path in sorted(FOLDER.glob("bench_*.py"))]
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what has a limit.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(known)}; all by default")
    parser.add_argument("--figures-of", choices=known, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.figures_of:
        module = importlib.import_module(f"bench.bench_{chosen.figures_of}")
        for figure in module.figures():
            print(json.dumps(asdict(figure)), flush=True)
        return 0
    unknown = sorted(set(chosen.names) - set(known))
    if unknown:
        parser.error(f"no such measurement: {', '.join(unknown)}; there are {', '.join(known)}")
    return _run_all(chosen.names or known)


def _run_all(names: list[str]) -> int:
    table = Table("figure", "measured", "limit", "of limit", "verdict", "how")
    failed = 0
    for name in names:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        figures, error = _figures(name)
        for figure in figures:
            failed += not figure.kept
            table.add_row(
                figure.name,
                f"{figure.value:.3g} {figure.unit}",
                f"{'≥' if figure.at_least else '≤'} {figure.limit:g} {figure.unit}",
                f"{figure.ratio:.0%}",
                "kept" if figure.kept else "[bold red]MISSED",
                figure.how,
            )
        if error:
            failed += 1
            table.add_row(name, "-", "-", "-", "[bold red]FAILED", error)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return 1 if failed else 0


def _figures(name: str) -> tuple[list[Figure], str]:
    """What one file measured, and why there is no more of it."""
    argv = [sys.executable, "-m", "bench", "--figures-of", name]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, timeout=TIMEOUT_S, check=False, cwd=FOLDER.parent)
    except subprocess.TimeoutExpired:
        return [], f"not done within {TIMEOUT_S} s"
    figures = [Figure(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0:
        return figures, f"exit status {done.returncode}; see above"
    return figures, "" if figures else "it measured nothing"


if __name__ == "__main__":
    sys.exit(main())
