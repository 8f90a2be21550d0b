"""The executor: begins a process for each flow run that is due, kills it when its run is cancelled, and says how it ended.

Prefect's own runner starts an interpreter per run: 1.3 s of imports before the first line, and 90 MB. This one forks each
run from a server that has imported everything (0.3 s); it also tells a cancelled run (which is a hold) from one that ended
because the executor did, and its runs go on while the Prefect server is away.

Imports no Prefect itself. Runs are claimed in our store by themselves: an executor that is away delays nothing.
"""

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.context import ForkServerProcess

from domain.ports import Clock
from engine.prefect_api import PrefectApi, PrefectError, RunState

RUNS_AT_ONCE = 4
"""What waits longer for a place than the orphan limit is done by ``hands``."""

REGISTER_TIMEOUT_S = 60.0
KILL_TIMEOUT_S = 5.0
"""A killed process is gone within this, unless the kernel can't let go of it."""

STOPPED = "the executor was stopped; its command goes on from the journal"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Begun:
    """A run's process."""

    process: ForkServerProcess
    cancelled: bool = False


class Executor:
    """``tick`` about twice a second, from one thread; ``stop`` in the end.

    ``names`` are the flows in the module ``catalogue`` (see ``flows.runs``). ``cancelled`` is told the id of a run that people
    cancelled, before its process is killed.
    """

    def __init__(
        self, api: PrefectApi, clock: Clock, catalogue: str, names: Sequence[str], *, cancelled: Callable[[str], None]
    ) -> None:
        self._api = api
        self._cancelled = cancelled
        self._clock = clock
        self._catalogue = catalogue
        self._names = tuple(names)
        self._fork = multiprocessing.get_context("forkserver")
        self._fork.set_forkserver_preload(["flows.runs", catalogue])
        self._deployments: dict[str, str] = {}
        self._begun: dict[str, Begun] = {}
        self._swept = False
        self._away = False

    @property
    def sentinels(self) -> list[int]:
        """Become ready when a run's process ends."""
        return [begun.process.sentinel for begun in self._begun.values()]

    def tick(self) -> None:
        """One round: end what was cancelled, say how ended runs ended, begin what is due."""
        try:
            if not self._deployments:
                self._register()
            self._end_cancelled()
            self._report_ended()
            self._begin_due()
        except PrefectError as error:
            # Runs go on: they need the store, not the server. Everything is registered anew, for the server may be a new one.
            self._deployments = {}
            if not self._away:
                log.warning("the Prefect server is away, its runs go on: %s", error)
            self._away = True

    def stop(self) -> None:
        """Kill what runs. That is no cancelling: nobody asked for a hold."""
        for begun in self._begun.values():
            begun.process.kill()
        for run_id, begun in self._begun.items():
            begun.process.join(KILL_TIMEOUT_S)
            try:
                self._settle(run_id, STOPPED)
            except PrefectError as error:
                log.warning("run %s keeps its last state in the UI: %s", run_id, error)

    def _register(self) -> None:
        if not self._api.healthy():
            raise PrefectError("it does not answer")
        child = self._fork.Process(target=_register, args=(self._catalogue,), name="register")
        child.start()
        child.join(REGISTER_TIMEOUT_S)
        if child.exitcode != 0:
            child.kill()
            raise PrefectError("the flows could not be registered")
        found = {self._api.deployment_id(f"{name}/{name}"): name for name in self._names}
        if not self._swept:
            self._sweep(list(found))
        self._deployments = found
        self._away = False
        log.info("serving %s", ", ".join(self._names))

    def _sweep(self, deployment_ids: Sequence[str]) -> None:
        """Runs end with their executor: what is unfinished at the start of one was its predecessor's."""
        for run_id, state in self._api.unfinished(deployment_ids).items():
            self._write_end(run_id, state, "its executor was killed; its command goes on from the journal")
        self._swept = True

    def _end_cancelled(self) -> None:
        """At once and without a word to the process: what it began is settled from the journal, as after any crash."""
        for run_id, state in self._api.states(self._begun).items():
            begun = self._begun[run_id]
            if state.type in {"CANCELLING", "CANCELLED"} and not begun.cancelled:
                log.info("run %s was cancelled", run_id)
                begun.cancelled = True
                try:
                    # Before: else hands might take the run over in between, when no engine is there to see that it was cancelled.
                    self._cancelled(run_id)
                finally:
                    begun.process.kill()
                    begun.process.join(KILL_TIMEOUT_S)

    def _report_ended(self) -> None:
        for run_id, begun in list(self._begun.items()):
            if not begun.process.is_alive():
                self._settle(run_id, f"its process ended with {begun.process.exitcode}; its command goes on from the journal")
                begun.process.close()
                del self._begun[run_id]

    def _settle(self, run_id: str, why: str) -> None:
        """A run that said itself how it ended keeps that."""
        state = self._api.states([run_id]).get(run_id)
        if state is not None:
            self._write_end(run_id, state, why)

    def _write_end(self, run_id: str, state: RunState, why: str) -> None:
        if state.type == "CANCELLING":
            self._api.set_state(run_id, "CANCELLED", "cancelled: its host is on hold", force=True)
        elif state.type in {"PENDING", "RUNNING"}:
            self._api.set_state(run_id, "CRASHED", why, force=True)

    def _begin_due(self) -> None:
        free = RUNS_AT_ONCE - len(self._begun)
        if free <= 0:
            return
        now = datetime.fromtimestamp(self._clock.now_s(), UTC)
        due = self._api.due(list(self._deployments), now)
        for run_id, deployment_id in list(due.items())[:free]:
            if run_id not in self._begun and self._api.set_state(run_id, "PENDING"):
                self._begin(run_id, self._deployments[deployment_id])

    def _begin(self, run_id: str, name: str) -> None:
        process = self._fork.Process(target=_execute, args=(self._catalogue, name, run_id), name=f"{name} {run_id}")
        process.start()
        self._begun[run_id] = Begun(process)


# Targets of processes: importing ``flows.runs`` imports Prefect, so it is done on the other side of the fork.


def _register(catalogue: str) -> None:
    from flows import runs  # noqa: PLC0415 - see above

    runs.register(catalogue)


def _execute(catalogue: str, name: str, run_id: str) -> None:
    from flows import runs  # noqa: PLC0415 - see above

    runs.execute(catalogue, name, run_id)
