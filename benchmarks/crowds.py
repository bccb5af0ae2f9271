"""Colonies that are full of one thing, and what is done in them while they are."""

from __future__ import annotations

from colonyledger.wire import (
    AddColony,
    AddCron,
    AddExecutor,
    AddFile,
    AddFunction,
    AddGenerator,
    AddLog,
    AddUser,
    Colony,
    Conditions,
    CreateSnapshot,
    Executor,
    File,
    Function,
    FunctionSpec,
    Generator,
    GetCrons,
    GetExecutor,
    GetFile,
    GetFileLabels,
    GetFiles,
    GetFunctions,
    GetLogs,
    GetNodes,
    GetStatistics,
    GetUser,
    PackGenerator,
    RemoveColony,
    RemoveExecutor,
    RemoveFile,
    SearchLogs,
    User,
    WorkflowSpec,
    encode,
)
from colonyledger.wire.crons import NewCron

from benchmarks.crowd import Crowd
from benchmarks.folded import COLONY, Folded
from benchmarks.process_crowds import PROCESS_CROWDS
from projections.limits import MAX_CRONS, MAX_LOG_LINES

__all__ = ["CROWDS"]


def _add_log(folded: Folded) -> None:
    folded.do(folded.executor, AddLog(processid=folded.known.pick(), message="a line"), measured=True)


def _logs(folded: Folded, n: int) -> None:
    """Lines of processes with a hundred lines each, all of one executor."""
    for number in range(min(n, MAX_LOG_LINES)):
        if number % 100 == 0:
            folded.submit()
            processid = folded.assign()
            folded.known.add(processid)
        folded.do(folded.executor, AddLog(processid=processid, message="a line as long as lines are"))


def _get_logs(folded: Folded) -> None:
    folded.do(folded.user, GetLogs(processid=folded.known.pick(), count=100), measured=True)


def _get_executor_logs(folded: Folded) -> None:
    asked = GetLogs(colonyname=COLONY, executorname="executor", count=100, latest=True)
    folded.do(folded.user, asked, measured=True)


def _search_logs(folded: Folded) -> None:
    folded.do(
        folded.user, SearchLogs(colonyname=COLONY, text="as long as", days=30, count=100), measured=True
    )


def _search_logs_in_vain(folded: Folded) -> None:
    folded.do(folded.user, SearchLogs(colonyname=COLONY, text="nowhere", days=30, count=100), measured=True)


def _file(label: int, name: int) -> AddFile:
    return AddFile(file=File("", COLONY, f"/data/{label:07}", f"file-{name}", 10, 0, "0" * 64, "SHA256"))


def _files(folded: Folded, n: int) -> None:
    for number in range(n):
        folded.do(folded.user, _file(number // 100, number % 100))
        folded.known.add(f"/data/{number // 100:07}")


def _get_file(folded: Folded) -> None:
    asked = GetFile(colonyname=COLONY, label=folded.known.pick(), name="file-7", latest=True)
    folded.do(folded.user, asked, measured=True)


def _get_files(folded: Folded) -> None:
    folded.do(folded.user, GetFiles(colonyname=COLONY, label=folded.known.pick()), measured=True)


def _get_labels(folded: Folded) -> None:
    asked = GetFileLabels(colonyname=COLONY, name=folded.known.pick(), exact=True)
    folded.do(folded.user, asked, measured=True)


def _add_file(folded: Folded) -> None:
    folded.do(folded.user, _file(10**6, folded.state.next_offset), measured=True)


def _remove_file(folded: Folded) -> None:
    added = folded.do(folded.user, _file(folded.state.next_offset, 1))
    folded.do(folded.user, RemoveFile(colonyname=COLONY, fileid=added.fileid), measured=True)


def _snapshot(folded: Folded) -> None:
    name = str(folded.state.next_offset)
    asked = CreateSnapshot(colonyname=COLONY, label=folded.known.pick(), name=name)
    folded.do(folded.user, asked, measured=True)


def _members(folded: Folded, n: int) -> None:
    """As many users as executors, each of which has a function."""
    for number in range(n):
        name = f"member-{number}"
        executorid = folded.enlist(name)
        folded.known.add(name)
        folded.do(executorid, AddFunction(fun=Function("", name, "edge", COLONY, "bench")))
        folded.do(folded.owner, AddUser(user=User(COLONY, folded.identity(f"user-{number}"), name)))


def _cycle_of_member(folded: Folded) -> None:
    folded.cycle(folded.identity(folded.known.pick()))


def _get_executor(folded: Folded) -> None:
    folded.do(folded.user, GetExecutor(colonyname=COLONY, executorname=folded.known.pick()), measured=True)


def _get_user(folded: Folded) -> None:
    folded.do(folded.user, GetUser(colonyname=COLONY, name=folded.known.pick()), measured=True)


def _get_nodes(folded: Folded) -> None:
    folded.do(folded.user, GetNodes(colonyname=COLONY), measured=True)


def _get_functions(folded: Folded) -> None:
    asked = GetFunctions(colonyname=COLONY, executorname=folded.known.pick())
    folded.do(folded.user, asked, measured=True)


def _add_and_remove_executor(folded: Folded) -> None:
    name = f"new-{folded.state.next_offset}"
    new = Executor(folded.identity(name), "edge", name, COLONY)
    folded.do(folded.owner, AddExecutor(executor=new), measured=True)
    folded.do(folded.owner, RemoveExecutor(colonyname=COLONY, executorname=name), measured=True)


def _functions(folded: Folded, n: int) -> None:
    for number in range(n):
        folded.do(
            folded.executor, AddFunction(fun=Function("", "executor", "edge", COLONY, f"function-{number}"))
        )


def _add_function(folded: Folded) -> None:
    name = f"function-{folded.state.next_offset}"
    folded.do(folded.executor, AddFunction(fun=Function("", "executor", "edge", COLONY, name)), measured=True)


def _template() -> str:
    conditions = Conditions(COLONY, executortype="edge")
    return encode(WorkflowSpec(COLONY, [FunctionSpec("node", "bench", conditions=conditions)])).decode()


def _clockwork(folded: Folded, n: int) -> None:
    """Crons and generators, none of which is due."""
    for number in range(n):
        cron = NewCron(colonyname=COLONY, name=f"cron-{number}", interval=10**8, workflowspec=_template())
        folded.do(folded.user, AddCron(cron=cron))
        new = Generator(
            colonyname=COLONY,
            name=f"generator-{number}",
            workflowspec=_template(),
            trigger=10**5,
            timeout=10**8,
        )
        added = folded.do(folded.user, AddGenerator(generator=new))
        folded.known.add(added.generatorid)


def _pack(folded: Folded) -> None:
    folded.do(folded.user, PackGenerator(generatorid=folded.known.pick(), arg="x"), measured=True)


def _get_crons(folded: Folded) -> None:
    folded.do(folded.user, GetCrons(colonyname=COLONY, count=100), measured=True)


def _colonies(folded: Folded, n: int) -> None:
    for number in range(n):
        folded.server(AddColony(colony=Colony(folded.owner, f"colony-{number}")))


def _server_statistics(folded: Folded) -> None:
    folded.server(GetStatistics(), measured=True)


def _add_and_remove_colony(folded: Folded) -> None:
    name = f"new-{folded.state.next_offset}"
    folded.server(AddColony(colony=Colony(folded.owner, name)), measured=True)
    folded.server(RemoveColony(colonyname=name), measured=True)


CROWDS = (
    *PROCESS_CROWDS,
    Crowd(
        "log lines",
        _logs,
        [
            ("addlog", _add_log),
            ("getlogs(100) of a process", _get_logs),
            ("getlogs(100) of an executor", _get_executor_logs),
            ("searchlogs(100)", _search_logs),
            ("searchlogs, nothing found", _search_logs_in_vain),
        ],
    ),
    Crowd(
        "files",
        _files,
        [
            ("getfile", _get_file),
            ("getfiles of a label with 100", _get_files),
            ("getfilelabels below one", _get_labels),
            ("addfile", _add_file),
            ("removefile", _remove_file),
            ("createsnapshot of 100", _snapshot),
        ],
    ),
    Crowd(
        "executors and users",
        _members,
        [
            ("assign+close", _cycle_of_member),
            ("getexecutor", _get_executor),
            ("getuser", _get_user),
            ("getnodes, of which there are none", _get_nodes),
            ("getfunctions of an executor", _get_functions),
            ("add and remove an executor", _add_and_remove_executor),
        ],
    ),
    Crowd(
        "functions of one executor",
        _functions,
        [("assign+close", Folded.cycle), ("addfunction", _add_function)],
        largest=10**5,
    ),
    Crowd(
        "crons and generators",
        _clockwork,
        [("tick with nothing due", Folded.tick), ("packgenerator", _pack), ("getcrons(100)", _get_crons)],
        largest=MAX_CRONS,
    ),
    Crowd(
        "colonies",
        _colonies,
        [
            ("assign+close", Folded.cycle),
            ("getstatistics of the server", _server_statistics),
            ("add and remove a colony", _add_and_remove_colony),
        ],
        largest=10**5,
    ),
)
"""Everything that is measured, in the order of the table."""
