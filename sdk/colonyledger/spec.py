"""Function specifications in one call (protocol: processes.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from msgspec.structs import replace

from colonyledger.wire import Conditions, Filesystem, FunctionSpec, Gpu

__all__ = ["SpecOptions", "function_spec", "in_colony"]

UNLIMITED = -1
"""The value of `maxwaittime`, `maxexectime` and `maxretries` that sets no limit."""


class SpecOptions(TypedDict, total=False):
    """What can be said about a function to run; everything is optional."""

    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    nodename: str
    """The name of the node in a workflow."""
    executortype: str
    """Executors of this type may run it."""
    executornames: Sequence[str]
    """Of those, only the ones with these names."""
    locationname: str
    """Of those, only the ones at this location."""
    priority: int
    """Higher runs first: one step is worth a day in the queue; -50000 to 50000."""
    maxwaittime: int
    """Seconds in the queue before it fails; -1, the default, for no limit."""
    maxexectime: int
    """Seconds that one executor may take before it is given to another one; -1, the default, for no limit."""
    maxretries: int
    """How often it may be given to another one before it fails; -1, the default, for no limit."""
    label: str
    env: Mapping[str, str]
    channels: Sequence[str]
    fs: Filesystem
    cpu: str
    """Processor time that it needs, such as "1000m" for one core."""
    mem: str
    """Memory that it needs, such as "4Gi"."""
    storage: str
    gpu: Gpu
    nodes: int
    processes: int
    processespernode: int
    walltime: int
    """Seconds that a batch system should reserve."""


def function_spec(funcname: str, **options: Unpack[SpecOptions]) -> FunctionSpec:
    """A specification of a call of `funcname`; the options are those of SpecOptions."""
    executornames = options.get("executornames")
    return FunctionSpec(
        nodename=options.get("nodename", ""),
        funcname=funcname,
        args=list(options.get("args", ())),
        kwargs=dict(options.get("kwargs", {})),
        priority=options.get("priority", 0),
        maxwaittime=options.get("maxwaittime", UNLIMITED),
        maxexectime=options.get("maxexectime", UNLIMITED),
        maxretries=options.get("maxretries", UNLIMITED),
        conditions=Conditions(
            executornames=None if executornames is None else list(executornames),
            executortype=options.get("executortype", ""),
            locationname=options.get("locationname", ""),
            nodes=options.get("nodes", 0),
            cpu=options.get("cpu", ""),
            processes=options.get("processes", 0),
            processespernode=options.get("processespernode", 0),
            mem=options.get("mem", ""),
            storage=options.get("storage", ""),
            gpu=options.get("gpu", Gpu()),
            walltime=options.get("walltime", 0),
        ),
        label=options.get("label", ""),
        fs=options.get("fs", Filesystem()),
        env=dict(options.get("env", {})),
        channels=list(options.get("channels", ())),
    )


def in_colony(spec: FunctionSpec, colony: str) -> FunctionSpec:
    """`spec`, meant for `colony` if it does not name a colony itself."""
    if spec.conditions.colonyname:
        return spec
    return replace(spec, conditions=replace(spec.conditions, colonyname=colony))
