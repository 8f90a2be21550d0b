"""A hikeshi of its own beside a bed, for the demo and for rehearsals: its processes and commands, started as a user would start
them; none of the processes outlives it."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bed.network import Bed
from engine.settings import Settings


class StageError(Exception):
    """It could not be set up, or did not go on; says what is missing."""


class Throwaway:
    """A context manager. ``operator`` is who gives its commands; with a ``bed`` all of it runs inside the bed's network."""

    def __init__(self, settings: Settings, folder: Path, operator: str, bed: Bed | None) -> None:
        self.settings = settings
        self.log = folder / "up.log"
        self._operator = operator
        self._bed = bed
        self._stack = ExitStack()
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def start_up(self, *options: str) -> None:
        """``hikeshi up`` on the settings' inventory."""
        self.spawn([sys.executable, "-m", "hikeshi", "up", str(self.settings.inventory), *options], self.log)

    def hikeshi(self, *arguments: str) -> str:
        """Run one command as an operator would; returns what it prints. Raises ``StageError`` when it fails."""
        done = subprocess.run(
            self._inside([sys.executable, "-m", "hikeshi", *arguments]),
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StageError(f"hikeshi {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def still_up(self) -> None:
        """Raises ``StageError`` when a process that belongs to it has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise StageError(f"{process.args!r} ended with {process.returncode}")

    def spawn(self, argv: list[str], log: Path) -> None:
        """One more process, ended with the others."""
        with log.open("ab") as output:
            process = subprocess.Popen(
                self._inside(argv),
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._processes.append(process)
        self._stack.callback(_end, process)

    def _inside(self, argv: list[str]) -> list[str]:
        return self._bed.command(argv) if self._bed is not None else argv

    def _environment(self) -> Mapping[str, str]:
        chosen = self.settings.model_dump(mode="json", exclude_defaults=True)
        ours = {f"HIKESHI_{name.upper()}": str(value) for name, value in chosen.items()}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HIKESHI_")}
        return {**kept, **ours, "HIKESHI_OPERATOR": self._operator}


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
