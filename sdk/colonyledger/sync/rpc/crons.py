# Written by sdk/generate_sync.py from colonyledger/rpc/crons.py; change that one.
"""Crons (protocol: crons-generators.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence

from colonyledger.errors import InvalidArgument
from colonyledger.spec import in_colony
from colonyledger.sync.rpc.caller import Caller
from colonyledger.wire import (
    AddCron,
    Cron,
    FunctionSpec,
    GetCron,
    GetCrons,
    NewCron,
    RemoveCron,
    RunCron,
    WorkflowSpec,
    json_text,
)

__all__ = ["CronCalls"]


class CronCalls(Caller):
    """Calls about workflows that are submitted by the clock."""

    def add_cron(
        self,
        name: str,
        specs: Sequence[FunctionSpec],
        *,
        interval: int = 0,
        expression: str = "",
        random: bool = False,
        wait_for_previous: bool = False,
    ) -> Cron:
        """Member: submit a workflow every `interval` seconds, or when `expression` says.

        An expression has six fields, seconds first, such as "0 30 8 * * mon-fri", or is one of
        "@hourly", "@daily", "@every 90s" and their like; "TZ=Europe/Stockholm " before it names a
        zone. With `random` each run comes at a random time within the interval. With
        `wait_for_previous` a run waits until the workflow before has ended. What the last
        processes of a workflow put out is the input of the first ones of the next.

        Raises:
            InvalidArgument: there is neither an interval nor an expression, or both.
        """
        if bool(interval) == bool(expression):
            raise InvalidArgument("A cron has either an interval or an expression.")
        functionspecs = [in_colony(spec, self.colony) for spec in specs]
        cron = NewCron(
            colonyname=self.colony,
            name=name,
            interval=interval or -1,
            cronexpression=expression,
            random=random,
            workflowspec=json_text(WorkflowSpec(self.colony, functionspecs)),
            waitforprevprocessgraph=wait_for_previous,
        )
        return self.call(AddCron(cron=cron))

    def get_cron(self, cronid: str) -> Cron:
        """Member: one cron."""
        return self.call(GetCron(cronid=cronid))

    def get_crons(self, *, count: int = 100) -> list[Cron]:
        """Member: the first `count` crons, oldest first."""
        return self.call(GetCrons(colonyname=self.colony, count=count))

    def run_cron(self, cronid: str) -> Cron:
        """Member: run a cron now; `prevprocessgraphid` of the reply is the workflow that it started.

        One that waits for the workflow before is left as it is; `lasterror` says if it could not start.
        """
        return self.call(RunCron(cronid=cronid))

    def remove_cron(self, cronid: str) -> None:
        """Member: remove a cron; the workflows that it started go on."""
        self.call(RemoveCron(cronid=cronid))
