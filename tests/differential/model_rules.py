"""What the naive model does with each message, and who may have it done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec
from colonyledger.wire import FunctionSpec

from tests.projections.model import Model
from tests.projections.modelled import Graph, Member, Proc, Refused

__all__ = ["RULES", "Body", "ModelRules"]

_STATES = {"approveexecutormsg": 1, "rejectexecutormsg": 2, "removeexecutormsg": 3}

Body = Mapping[str, Any]


class _Colony(Model):
    """The model with several users."""

    def __init__(self) -> None:
        super().__init__(0, Member("", ""))
        self.users: dict[str, Member] = {}

    def caller(self, name: str) -> Member:
        if name in self.users:
            self.user = self.users[name]
            return self.user
        return super().caller("" if name == "user" else name)


class ModelRules:
    """A model with a rule for each payload type of `RULES`; all take the caller's name and the message."""

    def __init__(self) -> None:
        self.model = _Colony()
        self._made = 0

    def _new_ids(self) -> Iterator[str]:
        while True:
            self._made += 1
            yield sha256(str(self._made).encode()).hexdigest()

    def _own(self, name: str) -> None:
        if name != "owner":
            raise Refused(403, "Access denied, not colony owner")

    def _process(self, name: str, processid: str, status: int, text: str) -> Proc:
        """A process, of which only those who belong to the colony learn that there is one."""
        self._belongs(name, status, text)
        return self.model.find(processid, status, text)

    def _graph(self, name: str, body: Body, doing: str) -> Graph:
        status, text = 500, f"Failed to {doing} processgraph, graph is nil"
        self._belongs(name, status, text)
        for graph in self.model.graphs:
            if graph.id == body["processgraphid"]:
                return graph
        raise Refused(status, text)

    def _belongs(self, name: str, status: int, text: str) -> None:
        if name != "owner" and name not in self.model.users and name not in self.model.executors:
            raise Refused(status, text)

    # -- members -------------------------------------------------------------------------------------------

    def add_user(self, name: str, body: Body) -> Any:
        self._own(name)
        new = body["user"]
        if new["name"] in self.model.users:
            raise Refused(400, f"A user with name <{new['name']}> already exists")
        self.model.users[new["name"]] = Member(new["name"], new["userid"])
        return new

    def remove_user(self, name: str, body: Body) -> None:
        self._own(name)
        if self.model.users.pop(body["name"], None) is None:
            raise Refused(400, f"User with name <{body['name']}> not found")

    def add_executor(self, name: str, body: Body) -> Any:
        self._own(name)
        new = body["executor"]
        member = Member(
            new["executorname"], new["executorid"], 0, new["executortype"], new.get("locationname", "")
        )
        self.model.add_executor(member)
        return {**new, "state": 0}

    def decide(self, name: str, body: Body, doing: str) -> None:
        self._own(name)
        self.model.set_executor_state(body["executorname"], _STATES[f"{doing}executormsg"], doing)

    def pause(self, name: str, _: Body, paused: bool) -> None:
        self._own(name)
        self.model.paused = paused

    # -- processes -----------------------------------------------------------------------------------------

    def submit(self, name: str, body: Body) -> Proc:
        return self.model.submit(name, _spec(body["spec"]), next(self._new_ids()))

    def assign(self, name: str, body: Body) -> Proc:
        return self.model.assign(name, body["timeout"], body["availablecpu"], body["availablemem"])

    def close(self, name: str, body: Body) -> None:
        missing = "Failed to close process as successful, process is nil"
        self.model.close(name, self._process(name, body["processid"], 500, missing), body["out"])

    def fail(self, name: str, body: Body) -> None:
        missing = "Failed to close process as failed, process is nil"
        self.model.fail(name, self._process(name, body["processid"], 500, missing), body["errors"])

    def set_output(self, name: str, body: Body) -> None:
        missing = "Failed to set output, process is nil"
        self.model.set_output(name, self._process(name, body["processid"], 500, missing), body["out"])

    def cancel(self, name: str, body: Body) -> None:
        missing = "Failed to cancel process, process is nil"
        self.model.cancel(name, self._process(name, body["processid"], 500, missing))

    def remove(self, name: str, body: Body) -> None:
        missing = "Failed to remove process, process is nil"
        self.model.remove(name, self._process(name, body["processid"], 500, missing))

    def get(self, name: str, body: Body) -> Proc:
        process = self._process(name, body["processid"], 404, "Failed to get process, process not found")
        self.model.caller(name)
        return process

    def listed(self, name: str, body: Body) -> list[Proc]:
        self.model.caller(name)
        if not 0 <= body["state"] <= 4:
            raise Refused(400, "Failed to get processes, invalid msg.State")
        filters = {key: body[key] for key in ("executortype", "label", "initiator") if body.get(key)}
        ids = self.model.listed(body["state"], **filters)[: body["count"]]
        return [self.model.find(each, 404, "") for each in ids]

    def remove_all(self, name: str, body: Body) -> None:
        self._own(name)
        if not -1 <= body["state"] <= 4:
            raise Refused(400, "Invalid state when deleting all processes")
        self.model.remove_all(body["state"])

    # -- workflows -----------------------------------------------------------------------------------------

    def submit_workflow(self, name: str, body: Body) -> Graph:
        specs = [_spec(each) for each in body["spec"]["functionspecs"]]
        return self.model.submit_workflow(name, specs, self._new_ids())

    def get_graph(self, name: str, body: Body) -> Graph:
        graph = self._graph(name, body, "get")
        self.model.caller(name)
        return graph

    def cancel_graph(self, name: str, body: Body) -> None:
        self.model.cancel_graph(name, self._graph(name, body, "cancel"))

    def remove_graph(self, name: str, body: Body) -> None:
        self.model.remove_graph(name, self._graph(name, body, "remove"))

    def remove_all_graphs(self, name: str, body: Body) -> None:
        self._own(name)
        if not -1 <= body["state"] <= 4:
            raise Refused(400, "invalid state when deleting all processgraphs")
        self.model.remove_all_graphs(body["state"])

    def statistics(self, name: str, _: Body) -> Any:
        self.model.caller(name)
        return self.model.statistics()


def _spec(given: Any) -> FunctionSpec:
    return msgspec.convert(given, FunctionSpec)


RULES: dict[str, Callable[[ModelRules, str, Body], Any]] = {
    "addusermsg": ModelRules.add_user,
    "removeusermsg": ModelRules.remove_user,
    "addexecutormsg": ModelRules.add_executor,
    "approveexecutormsg": lambda rules, name, body: rules.decide(name, body, "approve"),
    "rejectexecutormsg": lambda rules, name, body: rules.decide(name, body, "reject"),
    "removeexecutormsg": lambda rules, name, body: rules.decide(name, body, "remove"),
    "pauseassignmentsmsg": lambda rules, name, body: rules.pause(name, body, True),
    "resumeassignmentsmsg": lambda rules, name, body: rules.pause(name, body, False),
    "submitfuncspecmsg": ModelRules.submit,
    "assignprocessmsg": ModelRules.assign,
    "closesuccessfulmsg": ModelRules.close,
    "closefailedmsg": ModelRules.fail,
    "setoutputmsg": ModelRules.set_output,
    "cancelprocessmsg": ModelRules.cancel,
    "removeprocessmsg": ModelRules.remove,
    "removeallprocessesmsg": ModelRules.remove_all,
    "getprocessmsg": ModelRules.get,
    "getprocessesmsg": ModelRules.listed,
    "submitworkflowspecmsg": ModelRules.submit_workflow,
    "getprocessgraphmsg": ModelRules.get_graph,
    "cancelprocessgraphmsg": ModelRules.cancel_graph,
    "removeprocessgraphmsg": ModelRules.remove_graph,
    "removeallprocessgraphsmsg": ModelRules.remove_all_graphs,
    "getcolonystatsmsg": ModelRules.statistics,
}
