"""Flows that write down what they do, for tests of the executor."""

import asyncio
import os
import time
from pathlib import Path

from prefect import flow, task


def _write(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{text}\n")


@flow(name="trial")
async def trial(path: str, seconds: float = 0.0) -> None:
    """Says when it began and when it finished; works for ``seconds`` in a thread, as our flows do."""
    _write(path, f"began {os.getpid()}")
    await _work.with_options(name="work")(seconds)
    _write(path, "finished")


@task
async def _work(seconds: float) -> None:
    await asyncio.to_thread(time.sleep, seconds)


@flow(name="trial-failing")
async def failing() -> None:
    raise ValueError("meant to fail")


FLOWS = {"trial": trial, "trial-failing": failing}
