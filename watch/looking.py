"""What the watcher and its anchors need of whatever carries looks out."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from domain.observation import Observation
from probes.spec import Dialogue


class Looking(Protocol):
    """What carries looks out: ``watch.driver.Driver``."""

    def look(self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        """What comes back is its own business; it wants it again in ``give_up``."""
        ...

    def call(self, start: Callable[[], Awaitable[Observation]], timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        """The same, for a library that is awaited."""
        ...

    def give_up(self, flight: Any) -> None: ...

    def next_s(self) -> float | None: ...

    def turn(self, wait_s: float) -> None: ...

    def close(self) -> None: ...
