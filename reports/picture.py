"""The timeline as a picture: one bar from the fault to the recovery, a true axis of time, four marks that never collide."""

from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

WIDTH = 680.0
HEIGHT = 176.0
_BAR_TOP, _BAR_HEIGHT = 34.0, 22.0
_LEFT, _RIGHT = 1.0, 1.0
_LEAD = 0.06
"""Of the bar's length: how much of the good time before and after is drawn."""
FONT = "BIZ UDPGothic"
COLOURS = {
    "up": "#d5e5da",
    "detect": "#d9482b",
    "wait": "#ee9b84",
    "work": "#2f6aa8",
    "ink": "#1d2733",
    "soft": "#5f6b78",
    "line": "#c3cad2",
}
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)
_TICKS_MAX = 8


class Mark(NamedTuple):
    """A named moment: its place on the bar, and three lines of text below it."""

    at_s: float | None
    title: str
    text: str
    note: str
    colour: str


class Span(NamedTuple):
    """A stretch of the bar."""

    from_s: float
    to_s: float
    colour: str


class Axis(NamedTuple):
    """Linear from ``from_s`` to ``to_s``, over the drawing's whole width."""

    from_s: float
    to_s: float

    def x(self, at_s: float) -> float:
        share = (min(max(at_s, self.from_s), self.to_s) - self.from_s) / (self.to_s - self.from_s)
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def picture(spans: tuple[Span, ...], marks: tuple[Mark, ...], zone: str) -> str:
    """An SVG. ``spans`` are contiguous and in order; each mark gets a column of its own, joined to its place by a line."""
    begin_s, end_s = spans[0].from_s, max(spans[-1].to_s, spans[0].from_s + 1)
    lead_s = (end_s - begin_s) * _LEAD
    axis = Axis(begin_s - lead_s, end_s + lead_s)
    parts = [*_bar(axis, spans), *_ticks(axis, ZoneInfo(zone)), *_marks(axis, marks)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" width="{WIDTH:g}" height="{HEIGHT:g}" '
        f'font-family="{FONT}">{"".join(parts)}</svg>'
    )


def _bar(axis: Axis, spans: tuple[Span, ...]) -> list[str]:
    whole = Span(axis.from_s, axis.to_s, COLOURS["up"])
    return [
        f'<rect x="{axis.x(span.from_s):.2f}" y="{_BAR_TOP:g}" width="{axis.x(span.to_s) - axis.x(span.from_s):.2f}" '
        f'height="{_BAR_HEIGHT:g}" fill="{span.colour}"/>'
        for span in (whole, *spans)
        if span.to_s > span.from_s
    ]


def _ticks(axis: Axis, zone: ZoneInfo) -> list[str]:
    length_s = axis.to_s - axis.from_s
    step_s = next((step for step in _STEPS_S if length_s / step <= _TICKS_MAX), int(length_s / _TICKS_MAX) + 1)
    offset_s = datetime.fromtimestamp(axis.from_s, zone).utcoffset()
    shift_s = offset_s.total_seconds() if offset_s is not None else 0.0
    at_s = (int((axis.from_s + shift_s) // step_s) + 1) * step_s - shift_s
    parts = []
    while at_s < axis.to_s:
        x, clock = axis.x(at_s), datetime.fromtimestamp(at_s, zone)
        shape = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < 86_400 else "%m-%d"
        parts.append(f'<line x1="{x:.2f}" x2="{x:.2f}" y1="{_BAR_TOP - 7:g}" y2="{_BAR_TOP:g}" stroke="{COLOURS["line"]}"/>')
        if 24 < x < WIDTH - 24:
            parts.append(
                f'<text x="{x:.2f}" y="{_BAR_TOP - 12:g}" font-size="9" text-anchor="middle" fill="{COLOURS["soft"]}">'
                f"{clock:{shape}}</text>"
            )
        at_s += step_s
    return parts


def _marks(axis: Axis, marks: tuple[Mark, ...]) -> list[str]:
    """The marks share the width evenly, in their order; a line with an elbow leads from each to its place on the bar."""
    parts, column = [], (WIDTH - _LEFT - _RIGHT) / len(marks)
    bottom, text_top = _BAR_TOP + _BAR_HEIGHT, 104.0
    for place, mark in enumerate(marks):
        left = _LEFT + place * column
        if mark.at_s is not None:
            x, foot = axis.x(mark.at_s), left + 1
            parts.append(
                f'<path d="M{x:.2f} {_BAR_TOP - 3:g}V{bottom + 10:g}L{foot:.2f} {text_top - 14:g}V{HEIGHT - 8:g}" '
                f'fill="none" stroke="{mark.colour}" stroke-width="1.4"/>'
                f'<circle cx="{x:.2f}" cy="{bottom + 4:g}" r="3.4" fill="{mark.colour}" stroke="#fff" stroke-width="1"/>'
            )
        parts += [
            _text(left + 12, text_top, mark.title, size=10, fill=COLOURS["soft"]),
            _text(left + 12, text_top + 22, mark.text, size=16, fill=COLOURS["ink"], weight=700),
            _text(left + 12, text_top + 40, mark.note, size=9.5, fill=COLOURS["soft"]),
        ]
    return parts


def _text(x: float, y: float, text: str, *, size: float, fill: str, weight: int = 400) -> str:
    return f'<text x="{x:.2f}" y="{y:g}" font-size="{size:g}" font-weight="{weight}" fill="{fill}">{escape(text)}</text>'
