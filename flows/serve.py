"""``python -m flows.serve``: the executor as a process, until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import wait
from types import FrameType

from engine.prefect_api import PrefectApi
from flows.executor import Executor
from store.clock import SystemClock

POLL_S = 0.5
"""How often the server is asked for runs that are due, or were cancelled."""

CATALOGUE = "flows.catalogue"
NAMES = ("first-line", "run-runbook", "incident-report", "pause", "hold")


def serve(url: str, credential: str, catalogue: str, names: Sequence[str]) -> None:
    """Serve the flows of a catalogue until the process is signalled."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with PrefectApi(url, credential) as api:
        executor = Executor(api, SystemClock(), catalogue, names)
        while not stopping:
            executor.tick()
            wait(executor.sentinels, timeout=POLL_S)
        executor.stop()


def main(catalogue: str = CATALOGUE, names: Sequence[str] = NAMES) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it says every request, and we poll
    # The fork server of Python 3.11 does not take over sys.path, and hides that it could import nothing.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    serve(os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"], catalogue, names)


if __name__ == "__main__":
    main()
