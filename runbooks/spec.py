"""What a runbook may say about an action: the registry of actions is handed to the loader in this shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.procedure import Effect, Parameter


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """``parse`` takes the value as written in YAML and returns the typed one, or raises ValueError whose text says what would be
    right. Whatever it accepts, a text with a template or a character that a shell reads is refused as well. ``service``: where a
    step leaves it out, the service that the run is for takes its place; ``default``: what does then. ``waits``: it is a time in
    seconds that is waited before anything is done, and says nothing of what is done."""

    doc: str
    parse: Callable[[object], Parameter]
    required: bool = False
    service: bool = False
    default: Parameter | None = None
    waits: bool = False


class ActionSpec(Protocol):
    """What the loader needs to know about an action. ``repeatable``: trying it again can do no harm; ``rehearsals``: the kinds of
    throwaway host (see room bed/) it can be tried on, so that nothing is ever done for the first time on a customer's machine."""

    @property
    def effect(self) -> Effect: ...

    @property
    def repeatable(self) -> bool: ...

    @property
    def rehearsals(self) -> frozenset[str]: ...

    @property
    def parameters(self) -> Mapping[str, ParameterSpec]: ...
