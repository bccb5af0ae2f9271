"""Compare the checkout with one of its earlier revisions, workload by workload, in turns.

python -m benchmarks.revisions BASE        the ratios between BASE and what is checked out, changes included
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvloop
from colonyledger.identity import Identity
from rich.console import Console

from benchmarks.comparing import measure_all
from benchmarks.programs import server
from benchmarks.sides import Side
from benchmarks.table import details_table, goals_table, rich_table
from benchmarks.workload import Effort, Goal
from benchmarks.workloads import workloads

_ROOT = Path(__file__).parent.parent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revisions", description=__doc__)
    parser.add_argument("base", help="the revision to compare with, as git names it")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each workload; the median counts")
    parser.add_argument(
        "--slower", type=float, default=0.0, metavar="RATIO", help="fail if a ratio is below this"
    )
    return parser.parse_args()


@contextmanager
def _tree(revision: str, directory: Path) -> Iterator[Path]:
    """A revision in a folder of its own. It runs with the libraries that are installed now."""
    subprocess.run(
        ["git", "worktree", "add", "--quiet", "--detach", str(directory), revision], cwd=_ROOT, check=True
    )
    try:
        yield directory
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(directory)], cwd=_ROOT, check=True)


def _side(stack: ExitStack, name: str, owner: Identity, directory: Path, tree: Path) -> Side:
    started = stack.enter_context(server(directory, owner, tree=tree))
    return Side(name, started.url, owner, [started.pid], ours=name == "now")


async def main(arguments: argparse.Namespace) -> int:
    """Measure and print."""
    owner = Identity.generate()
    goal = Goal(arguments.slower)
    chosen = [each._replace(goal=goal) for each in workloads(Effort()) if arguments.only in each.name]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colony-bench-")))
        base = stack.enter_context(_tree(arguments.base, scratch / "base"))
        sides = [
            _side(stack, name, owner, scratch / name, tree)
            for name, tree in (("now", _ROOT), ("before", base))
        ]
        results = await measure_all(
            chosen, sides, arguments.repeat, lambda name: print(name, file=sys.stderr)
        )
    goals = goals_table(results)
    console = Console(width=None if sys.stdout.isatty() else 150)
    console.print(rich_table(f"Now and {arguments.base}", goals))
    console.print(rich_table("Details", details_table(results)))
    return int(any(row[-1] in {"missed", "failed"} for row in goals[1][: len(chosen)]))


if __name__ == "__main__":
    sys.exit(uvloop.run(main(_arguments())))
