"""What the pictures of docs/performance.md show."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.flat import Flatness
from benchmarks.picture import Bar, Line, bars, lines
from benchmarks.results import Figures, Results, Row, compare
from benchmarks.workload import Shown

__all__ = ["flat_picture", "speed_picture"]

_USUAL = 1000


def speed_picture(results: Results) -> str:
    """How many times better ours are than the best other server, or, without one, what they do in a second."""
    rows = [row for row in results.rows if row.shown is not Shown.STALLS]
    if results.others:
        title = f"Times better than the better of: {', '.join(results.others)} (the line across: the goal)"
        return bars(title, results.ours, [_ratios(results, row) for row in rows])
    rates = [_rates(results, row) for row in rows if row.shown is Shown.RATE]
    return bars("Operations per second", results.ours, rates, unit="")


def _ratios(results: Results, row: Row) -> Bar:
    compared = [compare(results, row, name) for name in results.ours]
    texts = [each.verdict if each.ratio is None else f"{each.ratio:.1f}×" for each in compared]
    return Bar(row.name, [each.ratio for each in compared], texts, row.times)


def _rates(results: Results, row: Row) -> Bar:
    figures = [row.figures.get(name) or Figures() for name in results.ours]
    return Bar(row.name, [each.per_s or None for each in figures], [f"{each.per_s:,.0f}" for each in figures])


def flat_picture(rows: Sequence[Flatness]) -> str:
    """What each operation costs at each size, in comparison with what it costs among a thousand."""
    drawn = []
    for row in rows:
        sizes = sorted(row.microseconds)
        if len(sizes) > 1:
            base = row.microseconds.get(_USUAL, row.microseconds[sizes[0]]) or 1.0
            drawn.append(Line(row.crowd, [(size, row.microseconds[size] / base) for size in sizes]))
    return lines(
        "What an RPC costs in a full colony",
        "things in the colony",
        f"times its cost among {_USUAL:,}",
        drawn,
    )
