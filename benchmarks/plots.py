"""Bars as SVG, readable on light and dark pages alike: a plot is a small file of text, and needs no library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 900
LEFT = 390
RIGHT = 110
BAR = 18
STEP = 28
TOP = 44
STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 15px }
.value { font-variant-numeric: tabular-nums }
.bar { fill: #8c959f }
.own { fill: #0969da }
.range { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .bar { fill: #6e7681 }
  .own { fill: #4493f8 }
  .range { stroke: #e6edf3 }
}
"""


@dataclass(frozen=True)
class Bar:
    """One bar: its label, what it shows, and the range of the rounds."""

    label: str
    value: float
    low: float
    high: float
    text: str
    is_own: bool = False


def bars(title: str, shown: Sequence[Bar]) -> str:
    """Return a plot. All bars begin at zero and have one scale, so that their lengths can be compared."""
    height = TOP + STEP * len(shown) + 10
    scale = (WIDTH - LEFT - RIGHT) / max((bar.high for bar in shown), default=1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="10" y="24">{escape(title)}</text>',
    ]
    for place, bar in enumerate(shown):
        parts += _bar(bar, TOP + STEP * place, scale)
    return "\n".join([*parts, "</svg>", ""])


def _bar(bar: Bar, top: int, scale: float) -> list[str]:
    middle = top + BAR / 2
    kind = "bar own" if bar.is_own else "bar"
    parts = [
        f'<text x="{LEFT - 10}" y="{middle + 4.5}" text-anchor="end">{escape(bar.label)}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{top}" width="{max(bar.value * scale, 1):.1f}" '
        f'height="{BAR}" rx="2"/>',
    ]
    if bar.high > bar.low:
        low, high = LEFT + bar.low * scale, LEFT + bar.high * scale
        parts.append(
            f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{middle}" y2="{middle}"/>'
        )
    end = LEFT + max(bar.high, bar.value) * scale + 8
    parts.append(f'<text class="value" x="{end:.1f}" y="{middle + 4.5}">{escape(bar.text)}</text>')
    return parts
