"""What a runbook may say about an action: the registry of actions is handed to the loader in this shape."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from domain.procedure import Parameter


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """``parse`` takes the value as written in YAML and returns the typed one, or raises ValueError whose text says what would be
    right. Whatever it accepts, a text with a template or a character that a shell reads is refused as well."""

    doc: str
    parse: Callable[[object], Parameter]
    required: bool = False


class ActionSpec(Protocol):
    """What the loader needs to know about an action."""

    @property
    def parameters(self) -> Mapping[str, ParameterSpec]: ...
