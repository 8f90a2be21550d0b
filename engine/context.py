"""What every process of the engine holds: its settings, the store, the clock."""

from dataclasses import dataclass

from domain.ports import Clock
from engine.settings import Settings
from store.clock import SystemClock
from store.db import Store


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    store: Store
    clock: Clock

    def fork(self) -> "Context":
        """The same for another thread, with a doorbell of its own."""
        return Context(self.settings, self.store.fork(), self.clock)

    def close(self) -> None:
        self.store.close()


def open_context(settings: Settings | None = None) -> Context:
    """The context that the environment describes. Nothing is opened before the first transaction."""
    chosen = settings or Settings()
    clock = SystemClock()
    return Context(chosen, Store(chosen.url, clock), clock)
