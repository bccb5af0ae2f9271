"""Moves about processes and workflows."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.differential.choice import Choice, move
from tests.differential.scene import COLONY, NOBODY, name_of, symbol

__all__ = ["spec", "workflow"]

Drawn = tuple[str, dict[str, Any]]


def spec(choice: Choice, nodename: str = "", parents: list[str] | None = None) -> dict[str, Any]:
    """A function specification; its deadlines are far away."""
    conditions = {
        "colonyname": COLONY,
        "executornames": choice.one([[], [], [], [name_of("e1")], [name_of("e2"), name_of("c1")]]),
        "executortype": choice.one(["edge", "edge", "edge", "cloud"]),
        "dependencies": parents or [],
        "cpu": choice.one(["", "", "500m", "2000m"]),
        "mem": choice.one(["", "", "1Gi", "8Gi"]),
        "gpu": {
            "name": choice.one(["", "a100"]),
            "mem": choice.one(["", "2Gi"]),
            "count": choice.number(0, 1),
        },
        "nodes": choice.number(0, 2),
        "processes": choice.number(0, 2),
        "walltime": choice.one([0, 60]),
        "locationname": "lab" if choice.rarely() else "",
    }
    return {
        "nodename": nodename,
        "funcname": choice.one(["echo", "sum"]),
        "args": choice.one([[], [1, "two", [3.5, None]]]),
        "kwargs": choice.one([{}, {"a": {"b": True}}]),
        "priority": choice.one([0, 0, 0, 1, -1, 50_001]),
        "maxwaittime": choice.one([-1, 1000]),
        "maxexectime": choice.one([-1, 1000]),
        "maxretries": choice.number(0, 3),
        "label": choice.one(["", "x", "y"]),
        "env": choice.one([{}, {"A": "1"}]),
        "channels": choice.one([[], ["chat"]]),
        "conditions": conditions,
        "fs": {"mount": "/cfs", "snapshots": [], "dirs": []},
    }


def workflow(choice: Choice) -> dict[str, Any]:
    """One to four nodes, each waiting for some of those before it; rarely one that there is not.

    They have different priorities, because the reference gives those of one workflow in any order.
    """
    nodes = []
    for place in range(choice.number(1, 4)):
        before = [f"n{each}" for each in range(place) if choice.number(0, 1)]
        unknown = ["nowhere"] if choice.rarely() and choice.rarely() else []
        nodes.append(spec(choice, f"n{place}", before[:2] + unknown))
        nodes[-1]["priority"] = -place
    return {"colonyname": COLONY, "functionspecs": nodes}


def _state(choice: Choice) -> int:
    return choice.number(-1, 5) if choice.rarely() else choice.number(0, 4)


@move("work", "submitfuncspecmsg")
def submit(choice: Choice) -> Drawn:
    asked = spec(choice)
    asked["conditions"]["colonyname"] = choice.colony()
    if choice.rarely():
        asked["conditions"]["cpu"] = "xm"
    return choice.member(), {"spec": asked}


@move("work", "assignprocessmsg")
def assign(choice: Choice) -> Drawn:
    body = {
        "colonyname": choice.colony(),
        "timeout": 0 if choice.rarely() else -1,
        "availablecpu": choice.one(["", "", "500m"]),
        "availablemem": choice.one(["", "", "1Gi"]),
    }
    return choice.by("e1", "e1", "e2", "c1"), body


@move("work", "closesuccessfulmsg")
def close(choice: Choice) -> Drawn:
    process, holder = choice.running()
    return holder, {"processid": process, "out": choice.one([[], [1], ["x", {"y": 2.5}]])}


@move("work", "closefailedmsg")
def fail(choice: Choice) -> Drawn:
    process, holder = choice.running()
    return holder, {"processid": process, "errors": choice.one([[], ["no"], ["a", "b"]])}


@move("work", "setoutputmsg")
def set_output(choice: Choice) -> Drawn:
    process, holder = choice.running()
    return holder, {"processid": process, "out": choice.one([[], ["part"]])}


@move("work", "addattributemsg")
def add_attribute(choice: Choice) -> Drawn:
    process, holder = choice.running()
    attribute = {
        "targetid": process,
        "targetcolonyname": COLONY,
        "targetprocessgraphid": "",
        "state": 1,
        "attributetype": choice.number(0, 3),
        "key": choice.one(["k", "l"]),
        "value": choice.one(["v", "w"]),
    }
    return holder, {"attribute": attribute}


@move("work", "getattributemsg")
def get_attribute(choice: Choice) -> Drawn:
    return choice.member(), {"attributeid": choice.known("attribute")}


@move("work", "getprocessmsg")
def get_process(choice: Choice) -> Drawn:
    return choice.member(), {"processid": choice.known("process")}


@move("work", "getprocessesmsg")
def get_processes(choice: Choice) -> Drawn:
    filters = [{}, {"executortype": "edge"}, {"label": "x"}, {"initiator": "ann"}]
    state = _state(choice)
    count = choice.one([100, 100, 2, 0]) if state <= 0 else 100
    body = {"colonyname": choice.colony(), "count": count, "state": state}
    return choice.member(), body | choice.one(filters)


@move("work", "getprocesshistmsg")
def get_process_history(choice: Choice) -> Drawn:
    executorid = choice.one(["", symbol("id:e1")])
    body = {"colonyname": choice.colony(), "executorid": executorid, "seconds": 500, "state": _state(choice)}
    return choice.member(), body


@move("work", "cancelprocessmsg")
def cancel(choice: Choice) -> Drawn:
    return choice.member(), {"processid": choice.known("process")}


@move("work", "removeprocessmsg")
def remove(choice: Choice) -> Drawn:
    return choice.member(), {"processid": choice.known("process")}


@move("work", "removeallprocessesmsg")
def remove_all(choice: Choice) -> Drawn:
    return choice.by("owner", "ann"), {"colonyname": choice.colony(), "state": _state(choice)}


@move("work", "pauseassignmentsmsg")
def pause(choice: Choice) -> Drawn:
    return choice.by("owner", "ann", "e1"), {"colonyname": choice.colony()}


@move("work", "resumeassignmentsmsg")
def resume(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony()}


@move("work", "getpausestatusmsg")
def pause_status(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony()}


@move("work", "channelappendmsg")
def append_to_channel(choice: Choice) -> Drawn:
    process, holder = choice.running()
    body = {
        "processid": process,
        "name": choice.one(["chat", "chat", "chat", "other"]),
        "sequence": choice.scene.next_number(),
        "inreplyto": choice.number(0, 1),
        "payload": b64encode(b"hello").decode(),
        "payloadtype": choice.one(["", "data", "end"]),
    }
    return choice.one([holder, "ann"]), body


@move("work", "channelreadmsg")
def read_channel(choice: Choice) -> Drawn:
    process, holder = choice.running()
    body = {"processid": process, "name": choice.one(["chat", "chat", "chat", "other"])}
    return choice.one([holder, "ann"]), body | {"afterseq": choice.number(0, 2), "limit": choice.number(0, 2)}


@move("workflows", "submitworkflowspecmsg")
def submit_workflow(choice: Choice) -> Drawn:
    return choice.member(), {"spec": workflow(choice)}


@move("workflows", "getprocessgraphmsg")
def get_workflow(choice: Choice) -> Drawn:
    return choice.member(), {"processgraphid": choice.known("graph")}


@move("workflows", "getprocessgraphsmsg")
def get_workflows(choice: Choice) -> Drawn:
    body = {"colonyname": choice.colony(), "count": choice.one([100, 2]), "state": _state(choice)}
    return choice.member(), body


@move("workflows", "addchildmsg")
def add_child(choice: Choice) -> Drawn:
    grown = [pair for pair in choice.scene.holders.items() if pair[0] in choice.scene.graphs]
    parent, holder = choice.one(grown) if grown else choice.running()
    graph = choice.scene.graphs.get(parent, NOBODY)
    siblings = [process for process, of in choice.scene.graphs.items() if of == graph]
    child = choice.one([*siblings, ""])
    asked = spec(choice, f"c{choice.scene.next_number()}")
    asked["priority"] = 0
    body = {
        "processgraphid": graph,
        "parentprocessid": parent,
        "childprocessid": child,
        "spec": asked,
        "insert": bool(choice.number(0, 1)),
    }
    return choice.by(holder), body


@move("workflows", "cancelprocessgraphmsg")
def cancel_workflow(choice: Choice) -> Drawn:
    return choice.by("ann", "owner"), {"processgraphid": choice.known("graph")}


@move("workflows", "removeprocessgraphmsg")
def remove_workflow(choice: Choice) -> Drawn:
    return choice.by("ann", "owner"), {"processgraphid": choice.known("graph")}


@move("workflows", "removeallprocessgraphsmsg")
def remove_workflows(choice: Choice) -> Drawn:
    return choice.by("owner", "ann"), {"colonyname": choice.colony(), "state": _state(choice)}
