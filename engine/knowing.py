"""What an action is told of its host, and where what it finds out goes: ``remediation.Target`` on the store."""

import logging
from collections.abc import Callable, Iterator, Mapping

from sqlmodel import Session

from domain.commands import Run
from domain.model import Host
from domain.secrecy import without_secrets
from engine import secrets
from engine.context import Context
from remediation import Target
from store import findings, steady, traits

log = logging.getLogger(__name__)


class Known(Mapping[str, str]):
    """What is known of a host; what is found out meanwhile is known from then on."""

    def __init__(self, found: Mapping[str, str]) -> None:
        self._found = dict(found)

    def __getitem__(self, name: str) -> str:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def add(self, name: str, value: str) -> None:
        self._found[name] = value


def known(context: Context, host: Host) -> Known:
    """What is known of a host by now."""
    with context.store.read() as session:
        return Known({row.name: row.value for row in traits.known(session, host, steady.now_s(session))})


def target(context: Context, run: Run, host: Host, step: str, check_claim: Callable[[Session], None]) -> Target:
    """The host as the target of a step of a run. ``check_claim`` raises where somebody else has the run by now: then nothing more
    is written down."""
    found = known(context, host)

    def remember(name: str, value: str) -> None:
        with context.store.write() as session:
            check_claim(session)
            traits.remember(session, host, name, value, steady.now_s(session))
        found.add(name, value)

    def keep(name: str, text: str) -> None:
        text = without_secrets(text)
        with context.store.write() as session:
            check_claim(session)
            if not findings.keep(session, run, step, name=name, text=text, now_s=steady.now_s(session)):
                log.error("%s: %s of step %s was not kept: no open attempt, or it has kept as many as it may", run.key, name, step)

    return Target(
        host=host, service=run.service, resolve=secrets.resolve, clock=context.clock, known=found, remember=remember, keep=keep
    )
