"""The synchronous client is what the asynchronous one says."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path

import colonyledger.client
import colonyledger.sync.client

SDK = Path(colonyledger.client.__file__).parents[1]


def test_it_is_up_to_date(tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location("generate_sync", SDK / "generate_sync.py")
    assert specification is not None
    assert specification.loader is not None
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    generator.generate(tmp_path)
    committed = SDK / "colonyledger" / "sync"
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.py")}
    present = {path.relative_to(committed): path.read_bytes() for path in committed.rglob("*.py")}
    del present[Path("__init__.py")]
    assert sorted(written) == sorted(present)
    for name, content in written.items():
        assert present[name] == content, f"{name} is out of date; run: python sdk/generate_sync.py"


def test_both_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_")
        }

    asynchronous = methods(colonyledger.client.Client)
    assert asynchronous == methods(colonyledger.sync.client.SyncClient)
    assert len(asynchronous) > 50


def test_nothing_in_it_is_asynchronous() -> None:
    client = colonyledger.sync.client.SyncClient
    assert not [name for name, _ in inspect.getmembers(client, inspect.iscoroutinefunction)]
