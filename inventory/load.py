"""From a folder of files to an accepted version."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from domain.model import Policy
from inventory.build import policy
from inventory.document import document, version
from inventory.folder import own_runbooks, read
from inventory.mistakes import Report
from inventory.registries import MailExchangers, Registries


@dataclass(frozen=True, slots=True)
class Accepted:
    """An inventory without mistakes. ``document`` is the text whose hash, with those of its runbooks, is ``policy.version``."""

    policy: Policy
    document: str


def load(folder: Path, registries: Registries, mx_of: MailExchangers | None = None) -> Accepted:
    """The inventory in a folder. Raises ``InventoryError`` with every mistake in it."""
    report = Report()
    known = MappingProxyType({**registries.runbooks, **own_runbooks(folder, registries.actions, report)})
    found = policy(read(folder, report), replace(registries, runbooks=known), mx_of, report)
    report.refuse_if_any()
    text = document(found)
    return Accepted(replace(found, version=version(text, known), procedures=known), text)
