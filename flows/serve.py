"""``python -m flows.serve``: the executor as a process, until SIGTERM or SIGINT."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing.connection import wait
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from engine.context import open_context
from engine.flow_runs import hold_cancelled
from engine.prefect_api import PrefectApi
from flows.executor import Executor
from store.clock import SystemClock
from store.db import StoreError

_log = logging.getLogger("flows.serve")

POLL_S = 0.5
"""How often the server is asked for runs that are due, or were cancelled."""

CATALOGUE = "flows.catalogue"
NAMES = ("first-line", "run-runbook", "incident-report", "pause", "hold")


def serve(url: str, credential: str, catalogue: str, names: Sequence[str], cancelled: Callable[[str], None]) -> None:
    """Serve the flows of a catalogue until the process is signalled."""
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with PrefectApi(url, credential) as api:
        executor = Executor(api, SystemClock(), catalogue, names, cancelled=cancelled)
        while not stopping:
            executor.tick()
            wait(executor.sentinels, timeout=POLL_S)
        executor.stop()


def hold(run_id: str) -> None:
    """What a cancelled run means for its host."""
    with closing(open_context()) as context:
        try:
            hold_cancelled(context, run_id)
        except (StoreError, SQLAlchemyError):
            _log.exception(
                "no hold could be written down for run %s; it is killed all the same, and the engine will see it", run_id
            )


def main(catalogue: str = CATALOGUE, names: Sequence[str] = NAMES, cancelled: Callable[[str], None] = hold) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it says every request, and we poll
    # The fork server of Python 3.11 does not take over sys.path, and hides that it could import nothing.
    os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    serve(os.environ["PREFECT_API_URL"], os.environ["PREFECT_API_AUTH_STRING"], catalogue, names, cancelled)


if __name__ == "__main__":
    main()
