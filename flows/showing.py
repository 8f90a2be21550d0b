"""What operators see of a run in the Prefect UI: each step a task, the incident's timeline as the first artifact, the run named
and tagged so that a search finds it.

Seeing never hinders doing. A task needs no server: its states are events, sent beside the work and dropped where nobody
takes them. What does need the server is asked for beside the work too, and its refusal only logged.
"""

import asyncio
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx
from prefect import get_run_logger, runtime, task
from prefect.artifacts import MarkdownArtifact
from prefect.cache_policies import NO_CACHE
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.client.schemas.objects import State
from prefect.exceptions import PrefectException
from prefect.states import Completed, Failed

from engine import history
from engine.context import Context, open_context
from store.outbox import FLOW

Result = TypeVar("Result")
AnyState = State[object]


@dataclass(frozen=True, slots=True)
class Told:
    """How a step went: ``word`` is its state in the UI, ``bad`` makes it a failed one."""

    word: str
    detail: str = ""
    bad: bool = False

    @property
    def state(self) -> AnyState:
        make = Failed if self.bad else Completed
        return make(name=self.word.capitalize().replace("_", " "), message=self.detail)


@contextmanager
def opened() -> Iterator[Context]:
    """The engine's context for the time of a run."""
    context = open_context()
    try:
        yield context
    finally:
        context.close()


def claimer() -> str:
    """The name under which this flow run claims commands."""
    return f"{FLOW}{runtime.flow_run.id}"


async def shown(title: str, work: Callable[[], Result], tell: Callable[[Result], Told]) -> Result:
    """Do ``work`` in a thread as a task of that title; what it raises is raised here."""
    results: list[Result] = []
    errors: list[Exception] = []

    def do() -> Told:
        try:
            results.append(work())
        except Exception as error:
            errors.append(error)
            raise
        return tell(results[0])

    await _step(title, do, return_state=True)  # type: ignore[misc] # typed as if the task were not async
    if errors:
        raise errors[0]
    return results[0]


@task(name="step", task_run_name="{title}", cache_policy=NO_CACHE, persist_result=False)
async def _step(title: str, do: Callable[[], Told]) -> AnyState:  # noqa: ARG001 - the run is named by it
    went = await asyncio.to_thread(do)
    get_run_logger().info("%s", f"{went.word}: {went.detail}" if went.detail else went.word)
    return went.state


class Timeline:
    """The run's first artifact: what was decided about an incident, as it stands at the beginning and at the end of the run.

    Without an incident there is none.
    """

    def __init__(self, context: Context, incident: str | None) -> None:
        self._context = context
        self._incident = incident
        self._made = asyncio.create_task(self._make()) if incident is not None else None

    async def end(self) -> None:
        """Write it as it stands now."""
        made = await self._made if self._made is not None else None
        if made is None or self._incident is None:
            return
        try:
            async with get_client() as client:
                await client.update_artifact(made, ArtifactUpdate(data=await self._text(self._incident)))
        except (httpx.HTTPError, PrefectException) as error:
            get_run_logger().warning("the timeline stays as it was at the beginning: %s", error)

    async def _make(self) -> uuid.UUID | None:
        incident = self._incident or ""
        artifact = MarkdownArtifact(key=_key(incident), markdown=await self._text(incident), description=f"Timeline of {incident}")
        try:
            return (await artifact.acreate()).id
        except (httpx.HTTPError, PrefectException) as error:
            get_run_logger().warning("the timeline can't be shown: %s", error)
            return None

    async def _text(self, incident: str) -> str:
        return await asyncio.to_thread(history.markdown, self._context, incident)


async def show_lines(key: str, title: str, lines: Sequence[str]) -> None:
    """Show lines of text, as they are, as an artifact."""
    text = "\n".join([f"# {title}", "", "```", *lines, "```"])
    await MarkdownArtifact(key=_key(key), markdown=text, description=title).acreate()


async def call_this_run(name: str, tags: Sequence[str]) -> None:
    """Name and tag this run as the engine names those it creates."""
    async with get_client() as client:
        await client.update_flow_run(uuid.UUID(runtime.flow_run.id), name=name, tags=list(tags))


def _key(text: str) -> str:
    """Artifact keys are of lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
