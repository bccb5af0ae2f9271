"""How a function specification is read, and how it is echoed (protocol: processes.md section 1)."""

from __future__ import annotations

import hashlib

import msgspec
from colonyledger.wire import Attribute, AttributeType, Conditions, FunctionSpec, Gpu, encode

from projections.event import Refusal
from projections.limits import MAX_PRIORITY
from projections.queue import Needs
from projections.units import cpu_text, memory_bytes, memory_text, millicores

__all__ = ["attribute_id", "check_priority", "environment", "read_spec", "with_environment"]

_ANY_EXECUTOR = ["*"]
_DECODER = msgspec.json.Decoder(FunctionSpec)
_UNSET_GPU = Gpu()
_NO_GPU = Gpu(mem=memory_text(0))


def check_priority(spec: FunctionSpec) -> None:
    """Refuse a priority out of range (constants.md section 2)."""
    if not -MAX_PRIORITY <= spec.priority <= MAX_PRIORITY:
        raise Refusal(
            400, f"Failed to submit function spec, priority outside range [{-MAX_PRIORITY}, {MAX_PRIORITY}]"
        )


def read_spec(spec: FunctionSpec, colonyname: str, *, in_workflow: bool = False) -> tuple[msgspec.Raw, Needs]:
    """The JSON that a spec is echoed as, and what it needs of an executor.

    Raises:
        Refusal: 400, an amount of processor or memory cannot be read.

    """
    asked = spec.conditions
    cpu, mem = millicores(asked.cpu), memory_bytes(asked.mem)
    names = asked.executornames
    if names == _ANY_EXECUTOR:
        names = []
    gpu = asked.gpu
    conditions = Conditions(
        colonyname,
        names,
        asked.executortype,
        asked.locationname,
        asked.dependencies,
        asked.nodes,
        cpu_text(cpu),
        asked.processes,
        asked.processespernode,
        memory_text(mem),
        memory_text(memory_bytes(asked.storage)),
        _NO_GPU
        if gpu == _UNSET_GPU
        else Gpu(gpu.name, memory_text(memory_bytes(gpu.mem)), gpu.count, gpu.nodecount),
        asked.walltime,
    )
    echoed = FunctionSpec(
        spec.nodename,
        spec.funcname,
        spec.args,
        spec.kwargs,
        spec.priority,
        spec.maxwaittime,
        -1 if in_workflow and spec.maxexectime == 0 else spec.maxexectime,
        spec.maxretries,
        conditions,
        spec.label,
        spec.fs,
        spec.env,
        spec.channels,
    )
    needs = Needs(
        asked.executortype,
        tuple(dict.fromkeys(names or ())),
        asked.locationname.casefold(),
        max(cpu, 0),
        max(mem, 0),
    )
    return msgspec.Raw(encode(echoed)), needs


def attribute_id(processid: str, key: str, attributetype: int) -> str:
    """The id of an attribute, the same for everybody (processes.md section 3)."""
    return hashlib.sha3_256(f"{processid}{key}{attributetype}".encode()).hexdigest()


def environment(spec: FunctionSpec, processid: str, colonyname: str, graphid: str) -> tuple[Attribute, ...]:
    """The attributes that stand for a spec's environment."""
    if not spec.env:
        return ()
    kind = AttributeType.ENV.value
    return tuple(
        Attribute(attribute_id(processid, key, kind), processid, colonyname, graphid, 0, kind, key, value)
        for key, value in spec.env.items()
    )


def with_environment(spec: msgspec.Raw, key: str, value: str) -> msgspec.Raw:
    """The JSON of a spec with one more variable in its environment."""
    decoded = _DECODER.decode(spec)
    decoded.env = {**decoded.env, key: value}
    return msgspec.Raw(encode(decoded))
