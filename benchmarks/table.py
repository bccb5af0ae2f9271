"""The table of a run, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from benchmarks.results import Compared, Figures, Results, Row, compare, compare_memory
from benchmarks.workload import Shown

__all__ = ["Cells", "details_table", "goals_table", "markdown", "rich_table"]

Cells = tuple[list[str], list[list[str]]]
"""The heads of the columns, and the rows."""


def goals_table(results: Results) -> Cells:
    """Each workload's figure at each server, and how ours compare with the best other one."""
    servers = [*results.ours, *results.others]
    compared_with = bool(results.others)
    head = ["work", *servers, *(f"{name}: times better" for name in results.ours if compared_with), "goal"]
    head += [f"{name}: goal" for name in results.ours]
    rows = []
    for row in results.rows:
        compared = [compare(results, row, name) for name in results.ours]
        cells = [_figure(row, row.figures.get(name)) for name in servers]
        rows.append([row.name, *cells, *_judged(compared, goal_text(row), compared_with=compared_with)])
    if results.memory:
        compared = [compare_memory(results, name) for name in results.ours]
        cells = [
            f"{memory.server:.0f} + {memory.store:.0f} MiB" if (memory := results.memory.get(name)) else ""
            for name in servers
        ]
        judged = _judged(compared, "no more", compared_with=compared_with)
        rows.append(["memory (PSS), server + store", *cells, *judged])
    return head, rows


def _judged(compared: Sequence[Compared], goal: str, *, compared_with: bool) -> list[str]:
    ratios = map(_ratio, compared) if compared_with else ()
    return [*ratios, goal, *(each.verdict for each in compared)]


def goal_text(row: Row) -> str:
    """A goal in words."""
    if row.shown is Shown.STALLS:
        return "none"
    words = []
    if row.times:
        words.append(f"1/{row.times:g}" if row.shown is Shown.LATENCY else f"{row.times:g}×")
    if row.flat:
        words.append("flat")
    return ", ".join(words)


def _ratio(compared: Compared) -> str:
    if compared.ratio is None:
        return ""
    return f"{compared.ratio:.1f}×" if compared.ratio < 100 else f"{compared.ratio:,.0f}×"


def _figure(row: Row, figures: Figures | None) -> str:
    if figures is None:
        return ""
    if figures.failure:
        return "failed"
    if row.shown is Shown.LATENCY:
        return f"{figures.p50_ms:.2f} / {figures.p99_ms:.2f} ms"
    stalled = f"{figures.stalled} of {figures.operations}"
    if row.shown is Shown.STALLS:
        return f"{stalled} wait"
    rate = f"{figures.per_s:,.0f} per s" if figures.per_s >= 100 else f"{figures.per_s:.1f} per s"
    return f"{rate} ({stalled} wait)" if figures.stalled else rate


def details_table(results: Results) -> Cells:
    """Latencies, processor time and the share of the machine that the driver took, by workload and server."""
    head = [
        "work",
        "server",
        "per s",
        "p50 / p99 ms",
        "CPU µs per RPC",
        "of it the store",
        "driver, cores",
        "operations",
    ]
    rows = []
    for row in results.rows:
        for name in (*results.ours, *results.others):
            figures = row.figures.get(name)
            if figures is None:
                continue
            if figures.failure:
                rows.append([row.name, name, f"failed: {figures.failure}", "", "", "", "", ""])
                continue
            rows.append(
                [
                    row.name,
                    name,
                    f"{figures.per_s:,.1f}",
                    f"{figures.p50_ms:.2f} / {figures.p99_ms:.2f}",
                    _micros(figures.cpu_us),
                    _micros(figures.store_us),
                    f"{figures.driver_cores:.2f}",
                    f"{figures.operations:,}",
                ]
            )
    return head, rows


def _micros(figure: float | None) -> str:
    return "" if figure is None else f"{figure:,.0f}"


def rich_table(title: str, cells: Cells) -> Table:
    """For a terminal; everything but the first column is to the right."""
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(cells[0]):
        table.add_column(column, justify="right" if number else "left")
    for row in cells[1]:
        table.add_row(*row)
    return table


def markdown(cells: Cells) -> str:
    """As Markdown."""
    head, rows = cells
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(_escaped(line))} |" for line in lines)


def _escaped(line: Sequence[str]) -> list[str]:
    return [cell.replace("|", "\\|").replace("\n", " ") for cell in line]
