"""C54: a check that changes its verdict too often is announced once as flapping and once as settled."""

from domain.model import Flapping


def remembered(rule: Flapping, changes: tuple[float, ...], now_s: float) -> tuple[float, ...]:
    """The changes that still count, bounded to as many as the rule needs."""
    return tuple([at_s for at_s in changes if now_s - rule.window_s < at_s])[-rule.changes - 1 :]


def flaps(rule: Flapping, changes: tuple[float, ...]) -> bool:
    return len(changes) > rule.changes


def settles_at_s(rule: Flapping, changes: tuple[float, ...]) -> float:
    """When a flapping check counts as settled if it stays as it is."""
    return changes[-1] + rule.window_s if changes else 0.0
