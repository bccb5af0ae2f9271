"""Run the demo: a server, a colony, three executors, a workflow, a killed executor, and the ledger behind it all.

It exits 0 if everything was as it should be, and says what was not otherwise.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

from colonyledger import Client, WorkflowRun, function_spec
from colonyledger.wire import Process, ProcessState
from rich.console import Console

from examples.demo.cast import Cast, DemoFailed
from examples.demo.show import inputs_and_outputs, processes_table
from examples.demo.work import WorkflowPlan, plan

console = Console()

_WAIT_SECONDS = 60
_HISTORY_QUERY = """\
SELECT function, executortype, count() AS attempts, countIf(outcome = 'succeeded') AS succeeded,
       round(avg(waited), 3) AS wait_s, round(avg(executed), 3) AS exec_s
FROM attempts GROUP BY function, executortype ORDER BY function"""


async def main(directory: Path) -> None:
    """Play the demo with everything it keeps in `directory`."""
    cast = Cast(directory)
    try:
        console.rule("[bold]1. A server, a colony, three executors")
        await cast.start_server()
        console.print(
            f"The server listens on {cast.url}; all it keeps is the ledger in {directory / 'ledger'}."
        )
        await cast.make_colony()
        for name, executortype in (("edge-1", "edge"), ("cloud-1", "cloud"), ("browser-1", "browser")):
            await cast.start_executor(name, executortype)
        console.print("Executors edge-1, cloud-1 and browser-1 ask for work, each with its own key.")

        async with Client(cast.url, cast.user, colony=cast.colony) as client:
            console.rule("[bold]2. A workflow: gen_nums → square ×2 → sum")
            drawn = plan(client)
            run = await (await drawn.workflow.execute()).wait(_WAIT_SECONDS)
            console.rule("[bold]3. An executor dies at work")
            survivor = await _kill_at_work(cast, client)
            members = [*run.processes.values(), survivor]
            executors = {each.executorid: each.executorname for each in await client.get_executors()}
            console.rule("[bold]4. What happened")
            console.print(processes_table(members, executors))
            console.print(inputs_and_outputs(members))
            _check(drawn, run, survivor, executors)
    finally:
        await cast.stop()
    console.rule("[bold]5. The ledger: every signed request, in order")
    await cast.command("ledger", "tail", "--data-dir", str(directory), "-n", "40")
    console.rule("[bold]6. The history: the ledger, replayed into ClickHouse")
    await cast.command("history", "replay", "--data-dir", str(directory))
    console.print(_HISTORY_QUERY, highlight=False, style="dim")
    await cast.command("history", "query", "--data-dir", str(directory), _HISTORY_QUERY)
    _check_history(await cast.rows(_HISTORY_QUERY))
    console.rule("[bold]7. The proof: every signature, verified again")
    await cast.command("ledger", "verify", "--data-dir", str(directory))


async def _kill_at_work(cast: Cast, client: Client) -> Process:
    """Kill an executor that holds a process, and see another one finish it."""
    submitted = await client.submit(
        function_spec(
            "survey",
            kwargs={"careful": "cloud-2"},
            executortype="cloud",
            maxexectime=2,
            maxretries=5,
            priority=1,
        )
    )
    async with asyncio.timeout(_WAIT_SECONDS):
        while (await client.get_process(submitted.processid)).state != ProcessState.RUNNING:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    cast.kill("cloud-1")
    console.print("cloud-1 was killed (-9) while it held survey(), which may take 2 s; cloud-2 comes up.")
    await cast.start_executor("cloud-2", "cloud")
    return await client.wait(submitted.processid, _WAIT_SECONDS)


def _check(drawn: WorkflowPlan, run: WorkflowRun, survivor: Process, executors: dict[str, str]) -> None:
    """Raises DemoFailed unless the results are what they must be."""
    squares = [run[each].output for each in drawn.squares]
    if not run.succeeded or list(run[drawn.total].output) != [13] or squares != [[4], [9]]:
        raise DemoFailed(f"the workflow ended {run.state.name} with {squares} and {run[drawn.total].output}")
    if executors.get(survivor.assignedexecutorid) != "cloud-2" or survivor.retries < 1:
        raise DemoFailed(
            f"survey() was finished by {executors.get(survivor.assignedexecutorid)}, not by cloud-2"
        )
    console.print("[green]The workflow gave 13, and cloud-2 finished what cloud-1 had to leave.[/green]")


def _check_history(rows: list[dict[str, Any]]) -> None:
    """Raises DemoFailed unless the history tells of every attempt."""
    attempts = {row["function"]: (int(row["attempts"]), int(row["succeeded"])) for row in rows}
    if attempts != {"gen_nums": (1, 1), "square": (2, 2), "sum": (1, 1), "survey": (2, 1)}:
        raise DemoFailed(f"the history tells of {attempts}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="colony-demo-") as kept:
        try:
            asyncio.run(main(Path(kept)))
        except DemoFailed as failure:
            console.print(f"[bold red]The demo failed:[/bold red] {failure}")
            sys.exit(1)
