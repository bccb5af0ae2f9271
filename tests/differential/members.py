"""Moves about colonies, users, executors, functions and locations."""

from __future__ import annotations

from typing import Any

from tests.differential.choice import Choice, move
from tests.differential.scene import COLONY, EXECUTORS, OTHER_COLONY, name_of, symbol

__all__ = ["executor", "user"]

Drawn = tuple[str, dict[str, Any]]

_USERS = ("ann", "bob", "carl")
_PLACES = ("lab", "hall")


def user(name: str, colony: str = COLONY) -> dict[str, Any]:
    """A user as it is added."""
    identity = symbol(f"id:{name}")
    return {"colonyname": colony, "userid": identity, "name": name, "email": f"{name}@x.org", "phone": "1"}


def executor(name: str, colony: str = COLONY, location: str = "") -> dict[str, Any]:
    """An executor as it is added."""
    return {
        "executorid": symbol(f"id:{name}"),
        "executortype": EXECUTORS.get(name, "edge"),
        "executorname": name_of(name),
        "colonyname": colony,
        "locationname": location,
        "capabilities": {"hardware": [], "software": []},
        "allocations": {"projects": {}},
    }


def _named(choice: Choice) -> str:
    return name_of(choice.one([*EXECUTORS, "nobody"]))


def _place(choice: Choice) -> str:
    return choice.one(_PLACES)


@move("members", "addcolonymsg")
def add_colony(choice: Choice) -> Drawn:
    name = choice.one([COLONY, symbol("colony:c")])
    return choice.by("server"), {"colony": {"colonyid": symbol("id:otherowner"), "name": name}}


@move("members", "removecolonymsg")
def remove_colony(choice: Choice) -> Drawn:
    name = choice.one([OTHER_COLONY, symbol("colony:c"), symbol("colony:none")])
    return choice.by("server", "otherowner"), {"colonyname": name}


@move("members", "getcolonymsg")
def get_colony(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony()}


@move("members", "getcoloniesmsg")
def get_colonies(choice: Choice) -> Drawn:
    return choice.by("server"), {}


@move("members", "getcolonystatsmsg")
def get_colony_statistics(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony()}


@move("members", "getstatisticsmsg")
def get_statistics(choice: Choice) -> Drawn:
    return choice.by("server"), {}


@move("members", "getclustermsg")
def get_cluster(choice: Choice) -> Drawn:
    return choice.by("server"), {}


@move("members", "changecolonyidmsg")
def change_colony_id(choice: Choice) -> Drawn:
    return choice.by("otherowner"), {"colonyname": OTHER_COLONY, "colonyid": symbol("id:heir")}


@move("members", "addusermsg")
def add_user(choice: Choice) -> Drawn:
    return choice.by("owner"), {"user": user(choice.one(_USERS), choice.colony())}


@move("members", "removeusermsg")
def remove_user(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony(), "name": choice.one(["bob", "carl", "dora"])}


@move("members", "getusersmsg")
def get_users(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony()}


@move("members", "getusermsg")
def get_user(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony(), "name": choice.one(_USERS)}


@move("members", "getuserbyidmsg")
def get_user_by_id(choice: Choice) -> Drawn:
    userid = symbol(f"id:{choice.one(_USERS)}")
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony(), "userid": userid}


@move("members", "changeuseridmsg")
def change_user_id(choice: Choice) -> Drawn:
    return choice.by("bob", "heir"), {
        "colonyname": COLONY,
        "userid": symbol(f"id:{choice.one(['heir', 'bob'])}"),
    }


@move("members", "addexecutormsg")
def add_executor(choice: Choice) -> Drawn:
    name = choice.one([*EXECUTORS, "late"])
    return choice.by("owner"), {"executor": executor(name, choice.colony(), choice.one(["", "", "lab"]))}


@move("members", "approveexecutormsg")
def approve_executor(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony(), "executorname": _named(choice)}


@move("members", "rejectexecutormsg")
def reject_executor(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony(), "executorname": _named(choice)}


@move("members", "removeexecutormsg")
def remove_executor(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony(), "executorname": _named(choice)}


@move("members", "getexecutorsmsg")
def get_executors(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony()}


@move("members", "getexecutormsg")
def get_executor(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony(), "executorname": _named(choice)}


@move("members", "getexecutorbyidmsg")
def get_executor_by_id(choice: Choice) -> Drawn:
    executorid = symbol(f"id:{choice.one([*EXECUTORS, 'stranger'])}")
    return choice.member(), {"colonyname": COLONY, "executorid": executorid}


@move("members", "updateexecutormsg")
def update_executor(choice: Choice) -> Drawn:
    name = choice.one(["e1", "e2", "pending"])
    gpu = {"name": "g", "mem": "2Gi", "count": 1, "nodecount": 1}
    hardware = {
        "model": "m",
        "nodes": 2,
        "cpu": "4000m",
        "cores": 4,
        "mem": "8Gi",
        "storage": "1Ti",
        "gpu": gpu,
    }
    software = {"name": "s", "type": "t", "version": "1"}
    capabilities = {"hardware": [hardware], "software": [software] * choice.number(0, 1)}
    body = {"colonyname": COLONY, "executorname": name_of(name), "capabilities": capabilities}
    return choice.by(name), body


@move("members", "reportallocationmsg")
def report_allocation(choice: Choice) -> Drawn:
    name = choice.one(["e1", "e2", "pending"])
    project = {"allocatedcpu": 3, "usedcpu": choice.number(0, 3), "allocatedgpu": 1, "usedgpu": 1}
    body = {
        "colonyname": COLONY,
        "executorname": name_of(name),
        "allocations": {"projects": {"p": {**project, "allocatedstorage": 9, "usedstorage": 2}}},
    }
    return choice.by(name), body


@move("members", "changeexecutoridmsg")
def change_executor_id(choice: Choice) -> Drawn:
    return choice.by("e2", "heir"), {
        "colonyname": COLONY,
        "executorid": symbol(f"id:{choice.one(['heir', 'e2'])}"),
    }


@move("members", "addfunctionmsg")
def add_function(choice: Choice) -> Drawn:
    name = choice.one(["e1", "e2", "c1"])
    argument = {"name": "x", "type": "integer", "description": "a number", "required": True}
    function = {
        "executorname": name_of(name),
        "executortype": EXECUTORS[name],
        "colonyname": COLONY,
        "funcname": choice.one(["echo", "sum"]),
        "description": "what it does",
        "args": [argument] * choice.number(0, 1),
    }
    return choice.by(name), {"fun": function}


@move("members", "getfunctionsmsg")
def get_functions(choice: Choice) -> Drawn:
    named = choice.one(["", name_of("e1"), name_of("nobody")])
    return choice.member(), {"colonyname": choice.colony(), "executorname": named}


@move("members", "removefunctionmsg")
def remove_function(choice: Choice) -> Drawn:
    return choice.by("e1", "e2", "c1"), {"functionid": choice.known("function")}


@move("members", "addlocationmsg")
def add_location(choice: Choice) -> Drawn:
    location = {
        "locationid": symbol(f"fresh:{choice.scene.next_number()}"),
        "name": _place(choice),
        "colonyname": choice.colony(),
        "description": "a place",
        "long": 17.5,
        "lat": -2.25,
    }
    return choice.by("owner"), {"location": location}


@move("members", "getlocationsmsg")
def get_locations(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony()}


@move("members", "getlocationmsg")
def get_location(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "pending"), {"colonyname": choice.colony(), "name": _place(choice)}


@move("members", "removelocationmsg")
def remove_location(choice: Choice) -> Drawn:
    return choice.by("owner"), {"colonyname": choice.colony(), "name": _place(choice)}
