"""``dataclasses.replace``, ten times as fast: one decision makes some ten changed copies (a decision costs at most 50 µs).

For frozen dataclasses without slots and without ``__post_init__``. To a type checker it is ``dataclasses.replace``, so that
names and types of the fields are checked.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import replace as changed
else:
    _new, _set = object.__new__, object.__setattr__

    def changed(value, /, **changes):
        """A copy of the value in which these fields differ. TypeError for what is no field."""
        before = value.__dict__
        after = before | changes
        if len(after) != len(before):
            raise TypeError(f"{type(value).__name__} has no field {', '.join(sorted(changes.keys() - before.keys()))}")
        copy = _new(type(value))
        _set(copy, "__dict__", after)
        return copy


__all__ = ["changed"]
