"""Moves about crons, generators and blueprints. Nothing becomes due by itself while a conversation lasts."""

from __future__ import annotations

import json
from typing import Any

from tests.differential.choice import Choice, move
from tests.differential.scene import COLONY
from tests.differential.work import workflow

Drawn = tuple[str, dict[str, Any]]

_DEFINITIONS = ("pumps", "valves")
_THINGS = ("t1", "t2")


@move("crons", "addcronmsg")
def add_cron(choice: Choice) -> Drawn:
    when = choice.one([(1_000_000, ""), (-1, "0 0 0 1 1 *"), (-1, "nonsense"), (0, "")])
    cron = {
        "colonyname": choice.colony(),
        "name": choice.one(["c1", "c2"]),
        "interval": when[0],
        "cronexpression": when[1],
        "random": False,
        "workflowspec": "nonsense" if choice.rarely() else json.dumps(workflow(choice), ensure_ascii=False),
        "waitforprevprocessgraph": bool(choice.number(0, 1)),
    }
    return choice.member(), {"cron": cron}


@move("crons", "getcronmsg")
def get_cron(choice: Choice) -> Drawn:
    return choice.member(), {"cronid": choice.known("cron")}


@move("crons", "getcronsmsg")
def get_crons(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony(), "count": 100}


@move("crons", "runcronmsg")
def run_cron(choice: Choice) -> Drawn:
    return choice.member(), {"cronid": choice.known("cron")}


@move("crons", "removecronmsg")
def remove_cron(choice: Choice) -> Drawn:
    return choice.member(), {"cronid": choice.known("cron")}


@move("generators", "addgeneratormsg")
def add_generator(choice: Choice) -> Drawn:
    generator = {
        "colonyname": choice.colony(),
        "name": f"g{choice.number(1, 2)}",
        "workflowspec": "nonsense" if choice.rarely() else json.dumps(workflow(choice), ensure_ascii=False),
        "trigger": 1000,
        "timeout": choice.one([-1, 100_000]),
    }
    return choice.member(), {"generator": generator}


@move("generators", "getgeneratormsg")
def get_generator(choice: Choice) -> Drawn:
    return choice.member(), {"generatorid": choice.known("generator")}


@move("generators", "resolvegeneratormsg")
def resolve_generator(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony(), "generatorname": f"g{choice.number(1, 3)}"}


@move("generators", "getgeneratorsmsg")
def get_generators(choice: Choice) -> Drawn:
    return choice.member(), {"colonyname": choice.colony(), "count": 100}


@move("generators", "packgeneratormsg")
def pack_generator(choice: Choice) -> Drawn:
    return choice.member(), {"generatorid": choice.known("generator"), "arg": "x"}


@move("generators", "removegeneratormsg")
def remove_generator(choice: Choice) -> Drawn:
    return choice.member(), {"generatorid": choice.known("generator")}


def _kind(definition: str) -> str:
    return definition[:-1].capitalize()


def _blueprint(choice: Choice) -> dict[str, Any]:
    size: Any = choice.one([1, 2, "wide"])
    return {
        "kind": _kind(choice.one([*_DEFINITIONS, "nothings"])),
        "metadata": {"name": choice.one(_THINGS), "colonyname": choice.colony()},
        "spec": {"size": size} if choice.number(0, 4) else {},
    }


@move("blueprints", "addblueprintdefinitionmsg")
def add_definition(choice: Choice) -> Drawn:
    name = choice.one(_DEFINITIONS)
    schema = {"type": "object", "properties": {"size": {"type": "number"}}, "required": ["size"]}
    body = {
        "metadata": {"name": name, "colonyname": choice.colony()},
        "spec": {
            "group": "example.org",
            "version": "v1",
            "names": {"kind": _kind(name), "listKind": "List", "singular": name[:-1], "plural": name},
            "scope": "Namespaced",
            "schema": schema,
            "handler": {"executorType": "edge", "functionName": "reconcile"} if name == "pumps" else {},
        },
    }
    return choice.by("owner"), {"blueprintdefinition": body}


@move("blueprints", "getblueprintdefinitionmsg")
def get_definition(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "owner"), {"colonyname": choice.colony(), "name": choice.one(_DEFINITIONS)}


@move("blueprints", "getblueprintdefinitionsmsg")
def get_definitions(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "owner"), {"colonyname": choice.colony()}


@move("blueprints", "removeblueprintdefinitionmsg")
def remove_definition(choice: Choice) -> Drawn:
    return choice.by("owner", "owner", "ann"), {
        "namespace": choice.colony(),
        "name": choice.one(_DEFINITIONS),
    }


@move("blueprints", "addblueprintmsg")
def add_blueprint(choice: Choice) -> Drawn:
    return choice.by("ann", "e1"), {"blueprint": _blueprint(choice)}


@move("blueprints", "updateblueprintmsg")
def update_blueprint(choice: Choice) -> Drawn:
    body = {"blueprint": _blueprint(choice), "forcegeneration": choice.rarely()}
    return choice.by("ann", "e1"), body


@move("blueprints", "getblueprintmsg")
def get_blueprint(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "owner"), {
        "namespace": choice.colony(),
        "name": choice.one([*_THINGS, "t3"]),
    }


@move("blueprints", "getblueprintsmsg")
def get_blueprints(choice: Choice) -> Drawn:
    body = {"namespace": choice.colony(), "kind": choice.one(["", "Pump"]), "locationname": ""}
    return choice.by("ann", "e1", "owner"), body


@move("blueprints", "updateblueprintstatusmsg")
def update_status(choice: Choice) -> Drawn:
    status = {"seen": choice.number(0, 3)}
    body = {"colonyname": choice.colony(), "blueprintname": choice.one(_THINGS), "status": status}
    return choice.by("e1", "ann", "owner"), body


@move("blueprints", "reconcileblueprintmsg")
def reconcile(choice: Choice) -> Drawn:
    body = {"namespace": choice.colony(), "name": choice.one(_THINGS), "force": bool(choice.number(0, 1))}
    return choice.by("ann", "e1", "owner"), body


@move("blueprints", "getblueprinthistorymsg")
def get_history(choice: Choice) -> Drawn:
    body = {"blueprintid": choice.known("blueprint"), "limit": choice.one([0, 1])}
    return choice.by("ann", "e1", "owner"), body


@move("blueprints", "removeblueprintmsg")
def remove_blueprint(choice: Choice) -> Drawn:
    return choice.by("ann", "e1", "owner"), {"namespace": COLONY, "name": choice.one(_THINGS)}
