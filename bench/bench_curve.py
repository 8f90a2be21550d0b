"""What watching costs from 100 to 20,000 hosts, as ``bench_chain``'s: it grows with the hosts, and no faster. Draws ``PICTURE``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import Figure
from bench.fleet import Watching, watching

HOSTS = (100, 300, 1000, 3000, 10_000, 20_000)
SETTLE_S, MEASURE_S = 10.0, 30.0
PICTURE = Path(__file__).parents[1] / "docs/pictures/cost.svg"
FIXED_HOSTS = 1000
"""Below this, what it costs to be there at all is most of it."""
STEEPEST = 1.25
"""Cost for each host at the most hosts, against that at ``FIXED_HOSTS``: above 1 it would grow faster than they do."""


def figures() -> Iterator[Figure]:
    found = [watching(hosts, SETTLE_S, MEASURE_S) for hosts in HOSTS]
    PICTURE.write_text(drawn(found), encoding="utf-8")
    each = {one.hosts: one.core / one.hosts for one in found}
    how = "; ".join(f"{one.hosts:,}: {one.core:.1%}" for one in found)
    yield Figure("cost of a host, 20,000 to 1,000", each[HOSTS[-1]] / each[FIXED_HOSTS], STEEPEST, "×", f"of a core: {how}")


def drawn(found: Sequence[Watching]) -> str:
    """Both axes linear, so that what grows with the hosts is a straight line."""
    width, height, left, bottom, most = 720, 360, 70, 50, HOSTS[-1]
    top = max(10.0, *(one.core * 100 for one in found)) * 1.1

    def x(hosts: float) -> float:
        return left + (width - left - 30) * hosts / most

    def y(percent: float) -> float:
        return height - bottom - (height - bottom - 40) * percent / top

    step = 5 if top < 30 else 10
    lines = [
        f'<line x1="{left}" x2="{width - 30}" y1="{y(at):.1f}" y2="{y(at):.1f}" class="grid"/>'
        f'<text x="{left - 8}" y="{y(at) + 4:.1f}" text-anchor="end">{at} %</text>'
        for at in range(0, int(top) + 1, step)
    ]
    below = height - bottom + 20
    for hosts in range(0, most + 1, 5000):
        lines.append(f'<text x="{x(hosts):.1f}" y="{below}" text-anchor="middle">{hosts:,}</text>')
    points = [(x(one.hosts), y(one.core * 100)) for one in found]
    lines.append(f'<polyline points="{" ".join(f"{at_x:.1f},{at_y:.1f}" for at_x, at_y in points)}" class="cost"/>')
    lines += [f'<circle cx="{at_x:.1f}" cy="{at_y:.1f}" r="4" class="dot"/>' for at_x, at_y in points]
    lines += [
        f'<text x="{at_x:.1f}" y="{at_y - 10:.1f}" text-anchor="end">{one.core:.1%}, {one.memory_mb:.0f} MB</text>'
        for one, (at_x, at_y) in zip(found, points, strict=True)
        if one.hosts >= 3000
    ]
    return _SVG.format(width=width, height=height, lines="\n".join(lines), middle=width / 2, below=height - 8)


_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="13">
<style>
.grid {{ stroke: #ddd; }} .cost {{ fill: none; stroke: #b3261e; stroke-width: 2; }} .dot {{ fill: #b3261e; }}
</style>
<rect width="{width}" height="{height}" fill="white"/>
<text x="{middle}" y="22" text-anchor="middle" font-size="15">CPU time of the watcher; 8.5 checks a host and minute</text>
{lines}
<text x="{middle}" y="{below}" text-anchor="middle">hosts</text>
</svg>
"""
