"""Generators (protocol: crons-generators.md section 2)."""

from __future__ import annotations

from collections.abc import Sequence

from colonyledger.rpc.caller import Caller
from colonyledger.spec import in_colony
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

    async def add_generator(
        self,
        name: str,
        specs: Sequence[FunctionSpec],
        *,
        trigger: int,
        timeout: int = -1,  # noqa: ASYNC109
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
        return await self.call(AddGenerator(generator=generator))

    async def pack(self, generatorid: str, arg: str) -> None:
        """Member: give a generator one more argument."""
        await self.call(PackGenerator(generatorid=generatorid, arg=arg))

    async def get_generator(self, generatorid: str) -> Generator:
        """Member: one generator by id."""
        return await self.call(GetGenerator(generatorid=generatorid))

    async def resolve_generator(self, name: str) -> Generator:
        """Member: one generator by name."""
        return await self.call(ResolveGenerator(colonyname=self.colony, generatorname=name))

    async def get_generators(self, *, count: int = 100) -> list[Generator]:
        """Member: the first `count` generators, oldest first."""
        return await self.call(GetGenerators(colonyname=self.colony, count=count))

    async def remove_generator(self, generatorid: str) -> None:
        """Member: remove a generator with the arguments that it has not used."""
        await self.call(RemoveGenerator(generatorid=generatorid))
