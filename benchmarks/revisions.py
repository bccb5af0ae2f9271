"""Compare the checkout with one of its earlier revisions, workload by workload, in turns.

python -m benchmarks.revisions BASE        the ratios between BASE and what is checked out, changes included
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from colonyledger.identity import Identity
from rich.console import Console

from benchmarks.programs import server
from benchmarks.sides import Side, comparison
from benchmarks.workloads import WORKLOADS

_ROOT = Path(__file__).parent.parent


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.revisions", description=__doc__)
    parser.add_argument("base", help="the revision to compare with, as git names it")
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each workload; the median counts")
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
    url, pid = stack.enter_context(server(directory, owner, tree=tree))
    return Side(name, url, owner, pid)


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    owner = Identity.generate()
    workloads = [workload for workload in WORKLOADS if arguments.only in workload.name]
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="colony-bench-")))
        base = stack.enter_context(_tree(arguments.base, scratch / "base"))
        sides = [
            _side(stack, name, owner, scratch / name, tree)
            for name, tree in (("now", _ROOT), ("before", base))
        ]
        for workload in workloads:
            for _ in range(arguments.repeat):
                for side in sides:
                    await side.run(workload)
        Console().print(comparison(workloads, sides))


if __name__ == "__main__":
    asyncio.run(main(_arguments()))
