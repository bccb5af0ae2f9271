"""An executor of the demo: a process of its own, with its own key.

Run as `python -m examples.demo.executor NAME TYPE`; server, colony and owner's key come from the
environment. It offers the functions of its type.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

from colonyledger import Executor, Output

SURVEY_SECONDS = 1.0
STUCK_SECONDS = 3600.0


def gen_nums() -> Output:
    """Two numbers, for the two processes that wait for them."""
    return Output([2, 3])


def square(first: int, second: int, *, which: int) -> int:
    """The square of the first or the second number."""
    return (first, second)[which] ** 2


def total(*numbers: int) -> int:
    """The sum of what the parents gave."""
    return sum(numbers)


async def survey(*, careful: str) -> str:
    """Something that takes long: for ever at the executor that is going to be killed."""
    name = sys.argv[1]
    await asyncio.sleep(STUCK_SECONDS if name != careful else SURVEY_SECONDS)
    return f"surveyed by {name}"


FUNCTIONS: dict[str, dict[str, Callable[..., Any]]] = {
    "edge": {"gen_nums": gen_nums},
    "cloud": {"square": square, "survey": survey},
    "browser": {"sum": total},
}
"""What each type of executor can do."""


def main() -> None:
    """Register, offer the functions of the type, and work until told to stop."""
    name, executortype = sys.argv[1:3]
    executor = Executor(name=name, type=executortype, poll=20)
    for function, body in FUNCTIONS[executortype].items():
        executor.function(name=function)(body)
    executor.run()


if __name__ == "__main__":
    main()
