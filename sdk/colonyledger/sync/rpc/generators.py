# Written by sdk/generate_sync.py from colonyledger/rpc/generators.py; change that one.
"""Generators (protocol: crons-generators.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from colonyledger.spec import in_colony
from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    AddGenerator,
    FunctionSpec,
    Generator,
    GetGenerator,
    GetGenerators,
    PackGenerator,
    RemoveGenerator,
    ResolveGenerator,
    WorkflowSpec,
    json_text,
)

__all__ = ["GeneratorCalls"]


class GeneratorCalls(Caller):
    """Calls about workflows that are submitted when enough arguments have come."""

    def add_generator(
        self,
        name: str,
        specs: Sequence[FunctionSpec],
        *,
        trigger: int,
        timeout: int = -1,
    ) -> Generator:
        """Member: submit a workflow with every `trigger` arguments, or with fewer `timeout` seconds after the first.

        They become the arguments of the functions that wait for no other. A `timeout` of -1 waits for ever.
        """
        functionspecs = [in_colony(spec, self.colony) for spec in specs]
        generator = Generator(
            colonyname=self.colony,
            name=name,
            workflowspec=json_text(WorkflowSpec(self.colony, functionspecs)),
            trigger=trigger,
            timeout=timeout,
        )
        return self.call(AddGenerator(generator=generator))

    def pack(self, generatorid: str, arg: str) -> None:
        """Member: give a generator one more argument."""
        self.call(PackGenerator(generatorid=generatorid, arg=arg))

    def get_generator(self, generatorid: str) -> Generator:
        """Member: one generator by id."""
        return self.call(GetGenerator(generatorid=generatorid))

    def resolve_generator(self, name: str) -> Generator:
        """Member: one generator by name."""
        return self.call(ResolveGenerator(colonyname=self.colony, generatorname=name))

    def get_generators(self, *, count: int = 100) -> list[Generator]:
        """Member: the first `count` generators, oldest first."""
        return self.call(GetGenerators(colonyname=self.colony, count=count))

    def remove_generator(self, generatorid: str) -> None:
        """Member: remove a generator with the arguments that it has not used."""
        self.call(RemoveGenerator(generatorid=generatorid))
