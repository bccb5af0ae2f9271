"""A client written for pycolonies: submits, waits, reads, and says what it saw as JSON."""

import json
import sys
from typing import Any

from pycolonies import Workflow, colonies_client, func_spec

KIND = sys.argv[1]

colonies, colonyname, _, _, prvkey = colonies_client()


def spec(function: str, *args: Any, after: tuple[str, ...] = (), name: str = "") -> Any:
    """A function for the executor, after others of the same workflow."""
    made = func_spec(function, list(args), colonyname, KIND, priority=2, maxexectime=100, maxretries=3)
    made.nodename = name or function
    made.conditions.dependencies.extend(after)
    return made


def done(function: str, *args: Any) -> Any:
    """A process that has ended."""
    return colonies.wait(colonies.submit_func_spec(spec(function, *args), prvkey), 60, prvkey)


echoed = done("echo", "hello", 42)
workflow = Workflow(colonyname=colonyname)
workflow.functionspecs.append(spec("echo", 2, name="first"))
workflow.functionspecs.append(spec("echo", 3, name="second"))
workflow.functionspecs.append(spec("add", after=("first", "second")))
graph = colonies.submit_workflow(workflow, prvkey)
added = colonies.wait(colonies.find_process("add", graph.processids, prvkey), 60, prvkey)
try:
    colonies.get_process("0" * 64, prvkey)
    missing = "found"
except Exception as error:  # noqa: BLE001 (it raises whatever the server said)
    missing = str(error)
json.dump(
    {
        "echoed": echoed.output,
        "state": echoed.state,
        "again": colonies.get_process(echoed.processid, prvkey).output,
        "logs": [
            line["message"] for line in colonies.get_process_log(colonyname, echoed.processid, 10, 0, prvkey)
        ],
        "added": added.output,
        "terms": [(attribute.key, attribute.value) for attribute in added.attributes],
        "graph": colonies.get_processgraph(graph.processgraphid, prvkey).state,
        "members": len(colonies.get_processes_for_workflow(graph.processgraphid, colonyname, prvkey)),
        "functions": sorted(
            function["funcname"]
            for function in colonies.get_functions_by_executor(colonyname, f"{KIND}-executor", prvkey)
        ),
        "failed": done("fail").errors,
        "executors": [
            executor["executortype"]
            for executor in colonies.list_executors(colonyname, prvkey)
            if executor["executorname"] == f"{KIND}-executor"
        ],
        "missing": missing,
        "stopped": done("stop").state,
    },
    sys.stdout,
)
