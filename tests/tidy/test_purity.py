"""The pure core does no I/O, reads no clock, chance or environment, and iterates no set."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy.purity import impurities
from tests.tidy.sources import Repository, none_of, sample


def test_projections_are_pure(repository: Repository) -> None:
    none_of(impurities(repository))


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import time",
        "from random import choice",
        "import uuid",
        "import socket",
        "import zoneinfo",
        "import asyncio",
        "from services.ledger import base",
        "from colonyledger.client import Client",
        "from colonyledger import Client",
        "f = open('x')",
        "print(1)",
        "x = hash('a')",
        "x = sorted([], key=lambda y: id(y))",
        "x = datetime.now(UTC)",
        "x = datetime.datetime.utcnow()",
        "x = date.today()",
        "x = datetime.fromtimestamp(1)",
        "x = moment.astimezone()",
        "async def f(): pass",
        "for x in {1, 2}: pass",
        "for x in set(y): pass",
        "x = [y for y in {1, 2}]",
        "x = {y: 1 for y in frozenset(z)}",
        "x = list({1, 2})",
        "x = ','.join({y for y in z})",
        "x = next(iter({1} | y))",
        "x = sorted([y for y in z], key=list({1}))",
        "x = min({1, 2}, key=rank)",
        "x = sorted((y for y in {1, 2}), key=rank)",
        "x = (*{1, 2},)",
        "y = {1}\nfor x in y: pass",
        "def f(y: set[int]) -> list[int]:\n    return [x for x in y]",
        "def f(y: 'frozenset[int] | None') -> None:\n    z.extend(y)",
        "class A:\n    names: set[str]\ndef f(a: A) -> str:\n    return a.names.pop()",
        "class A:\n    def g(self):\n        self.ys: set[int] = set()\ndef f(a):\n    for x in a.ys: pass",
    ],
)
def test_an_impurity_is_found(tmp_path: Path, line: str) -> None:
    assert len(impurities(sample(tmp_path, {"projections/queue.py": line}))) >= 1


def test_a_set_declared_in_another_module_is_found(tmp_path: Path) -> None:
    files = {
        "projections/state.py": "class State:\n    names: frozenset[str]\n",
        "projections/users.py": "def f(state):\n    return [name for name in state.names]\n",
    }
    assert [problem.partition(": ")[0] for problem in impurities(sample(tmp_path, files))] == [
        "projections/users.py:2"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "import hashlib, msgspec",
        "from collections.abc import Iterator",
        "from colonyledger.wire import User",
        "from colonyledger.wire.users import User",
        "from projections.event import Event",
        "from colonyledger import identity",
        "x = datetime.fromtimestamp(1, UTC)",
        "x = sorted({1, 2})",
        "x = sorted([1, 2], key=rank)",
        "x = sorted(y.name for y in {1, 2})",
        "x = 1 in {1, 2}",
        "x = len(set(y)) == max({1, 2})",
        "x = {y for y in {1, 2}}",
        "for x in sorted(set(y)): pass",
        "x = {1: 2}.pop(1)",
        "timers.set(1)\nfor x in timers: pass",
    ],
)
def test_what_is_pure_passes(tmp_path: Path, line: str) -> None:
    assert impurities(sample(tmp_path, {"projections/queue.py": line})) == []


def test_other_packages_may_do_what_they_need(tmp_path: Path) -> None:
    assert (
        impurities(
            sample(tmp_path, {"services/x.py": "import os\n", "tests/projections/x.py": "import os\n"})
        )
        == []
    )
