"""Reads segments: networks, each seen from one place (C51), by its anchors (C52)."""

from domain.model import DEFAULT_WATCHER, Segment
from inventory import keys
from inventory.fields import Fields
from inventory.mistakes import Report
from inventory.tree import Node
from inventory.values import address, an_id

MAIN = "main"
"""Where a host is that names none."""


def segment(id_: str, node: Node, report: Report) -> Segment:
    fields = Fields(node, keys.SEGMENT, report)
    return Segment(id_, fields.list_of("anchors", address), fields.get("watcher", an_id, DEFAULT_WATCHER))
