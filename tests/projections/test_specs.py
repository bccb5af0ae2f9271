"""How a function specification is read and echoed (processes.md section 1)."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from colonyledger.wire import Attribute, Conditions, FunctionSpec, Gpu, encode

from projections.event import Refusal
from projections.specs import attribute_id, check_priority, environment, read_spec, with_environment
from tests.projections.world import World


def echoed(spec: FunctionSpec, **options: Any) -> dict[str, Any]:
    raw, _ = read_spec(spec, "dev", **options)
    decoded: dict[str, Any] = msgspec.json.decode(raw)
    return decoded


def test_an_empty_spec_comes_back_with_its_defaults() -> None:
    spec = echoed(FunctionSpec())
    assert (spec["args"], spec["kwargs"], spec["env"]) == ([], {}, {})
    assert spec["fs"] == {"mount": "", "snapshots": None, "dirs": None}
    conditions = spec["conditions"]
    assert (conditions["cpu"], conditions["mem"], conditions["storage"]) == ("0m", "0Mi", "0Mi")
    assert conditions["gpu"] == {"name": "", "mem": "0Mi", "count": 0, "nodecount": 0}
    assert conditions["executornames"] is None


@pytest.mark.parametrize(
    ("asked", "back"),
    [
        ({"cpu": "1000m"}, {"cpu": "1000m"}),
        ({"cpu": "2"}, {"cpu": "0m"}),
        ({"mem": "10G"}, {"mem": "9536Mi"}),
        ({"storage": "2000G"}, {"storage": "1907348Mi"}),
        ({"executornames": []}, {"executornames": []}),
        ({"executornames": ["*"]}, {"executornames": []}),
        ({"executornames": ["a", "a"]}, {"executornames": ["a", "a"]}),
        ({"dependencies": ["x", "x"]}, {"dependencies": ["x", "x"]}),
        ({"walltime": 2**63 - 1, "nodes": -1}, {"walltime": 2**63 - 1, "nodes": -1}),
        ({"colonyname": "other"}, {"colonyname": "dev"}),
        (
            {"gpu": Gpu("a100", "80G", 2, 3)},
            {"gpu": {"name": "a100", "mem": "76293Mi", "count": 2, "nodecount": 3}},
        ),
    ],
)
def test_conditions_are_normalised(asked: dict[str, Any], back: dict[str, Any]) -> None:
    conditions = echoed(FunctionSpec(conditions=Conditions(**asked)))["conditions"]
    assert {key: conditions[key] for key in back} == back


def test_what_a_client_sent_is_preserved() -> None:
    spec = FunctionSpec(
        "n",
        "f",
        [1, 2**53 + 1, 1.5, "ä", None, {"a": [1]}],
        {"x": None},
        -3,
        1,
        2,
        3,
        label="l",
        channels=["a"],
    )
    back = echoed(spec)
    for name in ("nodename", "funcname", "args", "kwargs", "priority", "maxwaittime", "label", "channels"):
        assert back[name] == getattr(spec, name)


@pytest.mark.parametrize(("given", "alone", "in_workflow"), [(0, 0, -1), (-5, -5, -5), (7, 7, 7)])
def test_no_exec_limit_is_minus_one_in_workflows(given: int, alone: int, in_workflow: int) -> None:
    spec = FunctionSpec(maxexectime=given)
    assert echoed(spec)["maxexectime"] == alone
    assert echoed(spec, in_workflow=True)["maxexectime"] == in_workflow


@pytest.mark.parametrize("field", ["cpu", "mem", "storage", "gpu"])
def test_amounts_that_cannot_be_read(field: str) -> None:
    amount: Any = Gpu(mem="xm") if field == "gpu" else "xm"
    conditions = Conditions(**{field: amount})
    with pytest.raises(Refusal) as refused:
        read_spec(FunctionSpec(conditions=conditions), "dev")
    assert refused.value.status == 400


def test_the_message_is_not_changed() -> None:
    conditions = Conditions("other", ["*"], mem="1G", gpu=Gpu(mem="1G"))
    spec = FunctionSpec(conditions=conditions, env={"A": "1"})
    before = encode(spec)
    raw, _ = read_spec(spec, "dev", in_workflow=True)
    with_environment(raw, "B", "2")
    assert encode(spec) == before


def test_an_attribute_id_is_the_hash_that_clients_compute() -> None:
    expected = hashlib.sha3_256(b"p1k3").hexdigest()
    assert attribute_id("p1", "k", 3) == expected


def test_the_environment_as_attributes() -> None:
    spec = FunctionSpec(env={"B": "2", "A": ""})
    expected = [
        Attribute(attribute_id("p", "B", 3), "p", "dev", "g", 0, 3, "B", "2"),
        Attribute(attribute_id("p", "A", 3), "p", "dev", "g", 0, 3, "A", ""),
    ]
    assert list(environment(spec, "p", "dev", "g")) == expected
    assert list(environment(FunctionSpec(), "p", "dev", "g")) == []


def test_one_more_variable() -> None:
    raw, _ = read_spec(FunctionSpec(args=[2**53 + 1, 1.0], env={"A": "1"}), "dev")
    decoded = msgspec.json.decode(with_environment(raw, "B", "2"))
    assert decoded["env"] == {"A": "1", "B": "2"}
    assert encode(decoded["args"]) == b"[9007199254740993,1.0]"


@pytest.mark.parametrize(
    ("priority", "fits"), [(50_000, True), (-50_000, True), (50_001, False), (-50_001, False)]
)
def test_priorities(priority: int, fits: bool) -> None:
    spec = FunctionSpec(priority=priority)
    if fits:
        check_priority(spec)
    else:
        with pytest.raises(Refusal, match="priority outside range"):
            check_priority(spec)


@pytest.mark.parametrize("field", ["priority", "maxwaittime", "maxexectime", "maxretries"])
def test_integers_that_do_not_fit(world: World, field: str) -> None:
    spec = {"conditions": {"colonyname": "dev"}, field: 2**31}
    refusal = world.send(world.user, "submitfuncspecmsg", {"spec": spec}).refusal
    assert refusal is not None
    assert refusal.status == 400


def test_null_and_unknown_fields_are_as_good_as_missing(world: World) -> None:
    conditions = {"colonyname": "dev", "executornames": None, "gpu": None, "nodes": None, "mem": None, "x": 1}
    spec = {"conditions": conditions, "args": None, "kwargs": None, "fs": None, "env": None, "priority": None}
    outcome = world.send(world.user, "submitfuncspecmsg", {"spec": {**spec, "maxretries": 2.0}})
    assert outcome.refusal is None
    back = msgspec.json.decode(encode(outcome.reply))["spec"]
    assert (back["args"], back["kwargs"], back["env"], back["priority"], back["maxretries"]) == (
        [],
        {},
        {},
        0,
        2,
    )
