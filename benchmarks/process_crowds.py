"""Colonies that are full of processes or workflows, and what is done in them while they are."""

from __future__ import annotations

from colonyledger.wire import (
    AddAttribute,
    AddChild,
    AddLog,
    Attribute,
    CancelProcess,
    CancelProcessGraph,
    CloseFailed,
    Conditions,
    FunctionSpec,
    GetColonyStatistics,
    GetProcess,
    GetProcesses,
    GetProcessGraph,
    GetProcessGraphs,
    GetProcessHistory,
    ProcessGraph,
    RemoveAllProcesses,
    RemoveProcess,
    RemoveProcessGraph,
    SubmitFunctionSpec,
    SubmitWorkflow,
    WorkflowSpec,
)

from benchmarks.crowd import Crowd, Operation
from benchmarks.folded import COLONY, Folded

__all__ = ["PROCESS_CROWDS"]


def _listing(state: int, **filters: str) -> Operation:
    """getprocesses(100) in a state."""
    asked = GetProcesses(colonyname=COLONY, count=100, state=state, **filters)
    return lambda folded: folded.do(folded.user, asked, measured=True)


def _get_process(folded: Folded) -> None:
    folded.do(folded.user, GetProcess(processid=folded.known.pick()), measured=True)


def _history(state: int) -> Operation:
    """The processes of a day in a state in which there are none."""
    asked = GetProcessHistory(colonyname=COLONY, seconds=10**6, state=state)
    return lambda folded: folded.do(folded.user, asked, measured=True)


def _cancel(folded: Folded) -> None:
    folded.do(
        folded.user,
        CancelProcess(processid=folded.submit(executortype="late").record.processid),
        measured=True,
    )


def _remove(folded: Folded) -> None:
    submitted = folded.submit(executortype="late").record.processid
    folded.do(folded.user, RemoveProcess(processid=submitted), measured=True)


def _remove_cancelled(folded: Folded) -> None:
    folded.do(folded.owner, RemoveAllProcesses(colonyname=COLONY, state=4), measured=True)


def _statistics(folded: Folded) -> None:
    folded.do(folded.user, GetColonyStatistics(colonyname=COLONY), measured=True)


def _waiting(folded: Folded, n: int) -> None:
    """Half are for another type and have another label, and a quarter more have left from the middle."""
    for number in range(n + n // 4):
        odd = number % 2 == 1
        kind, label = ("other", "odd") if odd else ("edge", "even")
        process = folded.submit(executortype=kind, label=label)
        if odd:
            folded.known.add(process.record.processid)
    for _ in range(n // 4):
        folded.close(folded.assign())


def _waiting_operations() -> list[tuple[str, Operation]]:
    return [
        ("submit", lambda folded: folded.submit(measured=True)),
        ("assign+close", Folded.cycle),
        ("getprocess", _get_process),
        ("getprocesses(100), waiting", _listing(0)),
        ("getprocesses(100), of a type", _listing(0, executortype="edge")),
        ("getprocesses(100), type and label that never meet", _listing(0, executortype="edge", label="odd")),
        ("getprocesshist of a state with none", _history(3)),
        ("cancelprocess", _cancel),
        ("removeprocess", _remove),
        ("removeallprocesses of a state with few", _remove_cancelled),
        ("getstatistics of the colony", _statistics),
        ("tick with nothing due", Folded.tick),
    ]


def _running(folded: Folded, n: int) -> None:
    for _ in range(n):
        folded.submit()
        folded.known.add(folded.assign())


def _add_attribute(folded: Folded) -> None:
    attribute = Attribute(targetid=folded.known.pick(), key=str(folded.state.next_offset), value="x")
    folded.do(folded.executor, AddAttribute(attribute=attribute), measured=True)


def _add_log(folded: Folded) -> None:
    folded.do(folded.executor, AddLog(processid=folded.known.pick(), message="a line"), measured=True)


def _close_from_the_middle(folded: Folded) -> None:
    processid = folded.known.pick()
    folded.known.remove(processid)
    folded.close(processid, measured=True)
    folded.submit()
    folded.known.add(folded.assign())


def _closed(folded: Folded, n: int) -> None:
    for number in range(n):
        folded.submit()
        processid = folded.assign()
        folded.known.add(processid)
        if number % 2:
            folded.do(folded.executor, CloseFailed(processid=processid, errors=["no"]))
        else:
            folded.close(processid)


def _history_of_nobody(folded: Folded) -> None:
    asked = GetProcessHistory(colonyname=COLONY, executorid=folded.user, seconds=10**6, state=3)
    folded.do(folded.user, asked, measured=True)


def _targeted(folded: Folded, n: int) -> None:
    """Each names an executor, or needs an amount of memory or a place, that no other one does."""
    for number in range(n):
        needs = (
            {"executornames": [f"executor-{number}"]},
            {"mem": f"{number + 1}Gi"},
            {"locationname": f"place-{number}"},
        )[number % 3]
        folded.submit(conditions=Conditions(COLONY, executortype="edge", **needs))


def _cycle_with_limits(folded: Folded) -> None:
    folded.submit()
    folded.close(folded.assign(measured=True, availablecpu="1000m", availablemem="1Mi"), measured=True)


def _workflow(folded: Folded, *, nodes: int = 3, measured: bool = False) -> ProcessGraph:
    specs = []
    for number in range(nodes):
        above = [f"node-{number - 1}"] if number else []
        conditions = Conditions(COLONY, executortype="edge", dependencies=above)
        specs.append(FunctionSpec(f"node-{number}", "bench", maxexectime=10**7, conditions=conditions))
    asked = SubmitWorkflow(spec=WorkflowSpec(COLONY, specs))
    reply: ProcessGraph = folded.do(folded.user, asked, measured=measured)
    return reply


def _graphs(folded: Folded, n: int) -> None:
    for _ in range(n):
        graph = _workflow(folded, nodes=2)
        folded.known.add(graph.processgraphid)


def _step(folded: Folded) -> None:
    _workflow(folded)
    folded.close(folded.assign(measured=True), measured=True)


def _get_graph(folded: Folded) -> None:
    folded.do(folded.user, GetProcessGraph(processgraphid=folded.known.pick()), measured=True)


def _get_graphs(folded: Folded) -> None:
    folded.do(folded.user, GetProcessGraphs(colonyname=COLONY, count=100, state=0), measured=True)


def _cancel_graph(folded: Folded) -> None:
    graphid = _workflow(folded).processgraphid
    folded.do(folded.user, CancelProcessGraph(processgraphid=graphid), measured=True)
    folded.do(folded.user, RemoveProcessGraph(processgraphid=graphid), measured=True)


def _grown(folded: Folded, n: int) -> None:
    """One workflow with very many processes below a running one."""
    graphid = _workflow(folded, nodes=1).processgraphid
    parentid = folded.assign()
    folded.known.add(f"{graphid} {parentid}")
    for _ in range(n):
        _add_child(folded, measured=False)


def _add_child(folded: Folded, *, measured: bool = True) -> None:
    graphid, parentid = folded.known.pick().split()
    spec = FunctionSpec("child", "bench", conditions=Conditions(COLONY, executortype="edge"))
    asked = AddChild(processgraphid=graphid, parentprocessid=parentid, spec=spec)
    folded.do(folded.executor, asked, measured=measured)


def _nonces(folded: Folded, n: int) -> None:
    for _ in range(n):
        _submit_with_nonce(folded, measured=False)


def _submit_with_nonce(folded: Folded, *, measured: bool = True) -> None:
    spec = FunctionSpec(funcname="bench", conditions=Conditions(COLONY, executortype="edge"))
    nonce = folded.identity(str(folded.state.next_offset))[:32]
    folded.do(folded.user, SubmitFunctionSpec(nonce=nonce, spec=spec), measured=measured)


PROCESS_CROWDS = (
    Crowd("processes waiting", _waiting, _waiting_operations()),
    Crowd(
        "processes running",
        _running,
        [
            ("assign+close", Folded.cycle),
            ("close, from the middle", _close_from_the_middle),
            ("getprocesses(100), running", _listing(1)),
            ("addlog", _add_log),
            ("addattribute", _add_attribute),
        ],
    ),
    Crowd(
        "processes closed",
        _closed,
        [
            ("assign+close", Folded.cycle),
            ("getprocess", _get_process),
            ("getprocesses(100), successful", _listing(2)),
            ("getprocesses(100), failed", _listing(3)),
            ("getprocesshist of an executor with none", _history_of_nobody),
        ],
    ),
    Crowd(
        "candidates that all need something else",
        _targeted,
        [("assign+close", Folded.cycle), ("assign+close, with limits", _cycle_with_limits)],
    ),
    Crowd(
        "workflows",
        _graphs,
        [
            ("submitworkflow of 3", lambda folded: _workflow(folded, measured=True)),
            ("step: assign+close", _step),
            ("getprocessgraph", _get_graph),
            ("getprocessgraphs(100)", _get_graphs),
            ("cancel and remove", _cancel_graph),
        ],
    ),
    Crowd("children in one workflow", _grown, [("addchild", _add_child)], largest=10**5),
    Crowd("nonces", _nonces, [("submit with a nonce", _submit_with_nonce)]),
)
"""In the order of the table."""
