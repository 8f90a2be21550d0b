"""What happens in a run's own process, which the executor's fork server begins: it has imported all this already."""

import asyncio
import importlib
import logging
import multiprocessing
import os
import threading
import uuid
from collections.abc import Coroutine, Mapping
from multiprocessing.connection import wait
from typing import Any, cast

from prefect import Flow
from prefect.exceptions import Abort
from prefect.flow_engine import load_flow_run, run_flow
from prefect.types.entrypoint import EntrypointType

AnyFlow = Flow[Any, Any]  # Any: flows of different parameters side by side

_log = logging.getLogger("prefect.hikeshi.runs")


def catalogue_of(module: str) -> Mapping[str, AnyFlow]:
    """The flows a module offers as ``FLOWS``, by name."""
    found: Mapping[str, AnyFlow] = importlib.import_module(module).FLOWS
    return found


def register(catalogue: str) -> None:
    """Tell the server of every flow of the catalogue, as the deployment ``NAME/NAME``, with its form."""
    asyncio.run(_register(catalogue))


def execute(catalogue: str, name: str, run_id: str) -> None:
    """Perform one flow run. How it ended is its state at the server; a process that ends without one has crashed."""
    _end_with_the_executor()
    os.environ["PREFECT__FLOW_RUN_ID"] = run_id
    flow_run = load_flow_run(uuid.UUID(run_id))
    try:
        # The state is asked for, not the result, so that a run which failed in an orderly way is no exception here.
        running = run_flow(catalogue_of(catalogue)[name], flow_run=flow_run, return_type="state", error_logger=_log)
        asyncio.run(cast(Coroutine[Any, Any, object], running))  # every flow of ours is an async function
    except Abort as refusal:
        _log.info("the server no longer wants run %s: %s", run_id, refusal)


async def _register(catalogue: str) -> None:
    for name, flow in catalogue_of(catalogue).items():
        # By module, not by file: that is true wherever the package is installed.
        deployment = await flow.ato_deployment(name, entrypoint_type=EntrypointType.MODULE_PATH)
        await deployment.aapply()


def _end_with_the_executor() -> None:
    """A run without its executor could not be cancelled: it ends at once, and what it did is settled from the journal."""
    executor = multiprocessing.parent_process()
    if executor is None:
        raise RuntimeError("a run's process is begun by the executor")

    def watch() -> None:
        wait([executor.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="executor watch", daemon=True).start()
