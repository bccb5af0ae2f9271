"""Pictures as SVG: bars for a comparison, lines for costs by size. Readable on light and dark pages alike."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape

__all__ = ["Bar", "Line", "bars", "lines"]

_COLOURS = (
    *("#2a78c2", "#d9822b", "#3d9a50", "#9456c4", "#c23b52", "#8a7340", "#1f9e9e"),
    *("#777777", "#d46aa8", "#7aa52b", "#4c5fd7", "#b8a000", "#5b8fa8", "#a0522d"),
)
_STYLE = (
    "<style>text{font:12px sans-serif;fill:#555}@media(prefers-color-scheme:dark){text{fill:#bbb}}"
    ".t{font-size:14px;font-weight:bold}.r{text-anchor:end}.m{text-anchor:middle}"
    ".g{stroke:#999;stroke-opacity:.35}.b{stroke:#888;stroke-width:1.5}</style>"
)


class Bar(NamedTuple):
    """A labelled group of bars, one for each name (None: there is none); `mark` is drawn across them (0: none)."""

    label: str
    values: Sequence[float | None]
    texts: Sequence[str]
    mark: float = 0.0


class Line(NamedTuple):
    """A line through points (x, y), of a named group; lines of a group have one colour."""

    group: str
    points: Sequence[tuple[float, float]]


def bars(
    title: str, names: Sequence[str], groups: Sequence[Bar], *, base: float = 1.0, unit: str = "×"
) -> str:
    """Horizontal bars from `base` on a logarithmic scale."""
    left, right, height = 270, 130, 13
    width = 900
    values = [value for group in groups for value in (*group.values, group.mark) if value]
    low = math.log10(min([base, *values]) * 0.9)
    high = math.log10(max([base * 10, *values]))

    def x(value: float) -> float:
        return left + (math.log10(value) - low) / (high - low) * (width - left - right)

    top = 62
    each = height * len(names) + 9
    bottom = top + each * len(groups)
    parts = [f'<text x="8" y="20" class="t">{escape(title)}</text>', *_legend(names, 38)]
    for power in range(math.ceil(low), math.floor(high) + 1):
        at = x(10.0**power)
        parts.append(f'<line class="g" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 6}" y2="{bottom}"/>')
        parts.append(f'<text class="m" x="{at:.1f}" y="{bottom + 15}">{10.0**power:,g}{unit}</text>')
    parts.append(f'<line class="b" x1="{x(base):.1f}" x2="{x(base):.1f}" y1="{top - 6}" y2="{bottom}"/>')
    for number, group in enumerate(groups):
        y = top + each * number
        middle = y + height * len(names) / 2 + 4
        parts.append(f'<text class="r" x="{left - 10}" y="{middle:.1f}">{escape(group.label)}</text>')
        for index, (value, text) in enumerate(zip(group.values, group.texts, strict=True)):
            if value is None:
                parts.append(
                    f'<text x="{x(base) + 6:.1f}" y="{y + height * index + 10}">{escape(text)}</text>'
                )
                continue
            start, end = sorted((x(base), x(value)))
            parts.append(
                f'<rect x="{start:.1f}" y="{y + height * index}" width="{max(end - start, 1):.1f}" '
                f'height="{height - 2}" fill="{_colour(index)}"/>'
            )
            parts.append(f'<text x="{end + 5:.1f}" y="{y + height * index + 10}">{escape(text)}</text>')
        if group.mark:
            at = x(group.mark)
            parts.append(f'<line class="b" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 2}" y2="{y + each - 8}"/>')
    return _document(width, bottom + 26, parts)


def lines(title: str, x_name: str, y_name: str, drawn: Sequence[Line]) -> str:
    """Lines on two logarithmic scales."""
    width, height, left, top = 960, 440, 62, 50
    groups = list(dict.fromkeys(line.group for line in drawn))
    points = [point for line in drawn for point in line.points if min(point) > 0]
    if not points:
        raise ValueError("there is nothing to draw")
    bottom, right = height - 46, width - 290
    x_low, x_high = _decades([x for x, _ in points])
    y_low, y_high = _decades([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            left + (math.log10(x) - x_low) / (x_high - x_low) * (right - left),
            bottom - (math.log10(y) - y_low) / (y_high - y_low) * (bottom - top),
        )

    parts = [
        f'<text x="8" y="20" class="t">{escape(title)}</text>',
        f'<text x="8" y="38">{escape(y_name)}</text>',
    ]
    for power in range(x_low, x_high + 1):
        x, _ = at(10.0**power, 10.0**y_low)
        parts.append(f'<line class="g" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}"/>')
        parts.append(f'<text class="m" x="{x:.1f}" y="{bottom + 16}">{10.0**power:,g}</text>')
    for power in range(y_low, y_high + 1):
        _, y = at(10.0**x_low, 10.0**power)
        parts.append(f'<line class="g" x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="r" x="{left - 6}" y="{y + 4:.1f}">{10.0**power:,g}</text>')
    parts.append(f'<text class="m" x="{(left + right) / 2}" y="{height - 8}">{escape(x_name)}</text>')
    for line in drawn:
        path = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in line.points if min(point) > 0)
        colour = _colour(groups.index(line.group))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
    for number, group in enumerate(groups):
        y = top + 10 + 18 * number
        parts.append(f'<rect x="{right + 14}" y="{y - 9}" width="10" height="10" fill="{_colour(number)}"/>')
        parts.append(f'<text x="{right + 30}" y="{y}">{escape(group)}</text>')
    return _document(width, max(height, top + 18 * len(groups) + 20), parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def _legend(names: Sequence[str], y: int) -> list[str]:
    parts, x = [], 8
    for number, name in enumerate(names):
        parts.append(f'<rect x="{x}" y="{y - 10}" width="10" height="10" fill="{_colour(number)}"/>')
        parts.append(f'<text x="{x + 15}" y="{y}">{escape(name)}</text>')
        x += 34 + 7 * len(name)
    return parts


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _document(width: int, height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}">'
    return "\n".join([head, _STYLE, *parts, "</svg>", ""])
