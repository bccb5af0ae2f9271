"""Colony Ledger's SDK: submit work, run executors, speak the Colonies RPC protocol.

The names below are loaded when they are first used, so that a program that needs only
`colonyledger.wire` or `colonyledger.identity` does not pay for an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonyledger.channel import Channel
    from colonyledger.client import Client
    from colonyledger.context import Call
    from colonyledger.environment import Environment
    from colonyledger.errors import (
        AccessDenied,
        BadReply,
        BadSignature,
        ColonyError,
        ConfigurationError,
        Conflict,
        ConnectionFailed,
        InvalidArgument,
        InvalidRequest,
        InvalidWorkflow,
        NotFound,
        NotReady,
        ServerRefused,
        TooLarge,
        TooMany,
        WaitTimedOut,
    )
    from colonyledger.executor import Executor
    from colonyledger.graph import Task
    from colonyledger.identity import Identity
    from colonyledger.output import Failure, Output
    from colonyledger.retries import Retries
    from colonyledger.spec import function_spec
    from colonyledger.sync.channel import SyncChannel
    from colonyledger.sync.client import SyncClient
    from colonyledger.sync.context import SyncCall
    from colonyledger.sync.workflow import SyncWorkflow, SyncWorkflowRun
    from colonyledger.workflow import Workflow, WorkflowRun

__all__ = [
    "AccessDenied",
    "BadReply",
    "BadSignature",
    "Call",
    "Channel",
    "Client",
    "ColonyError",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "Environment",
    "Executor",
    "Failure",
    "Identity",
    "InvalidArgument",
    "InvalidRequest",
    "InvalidWorkflow",
    "NotFound",
    "NotReady",
    "Output",
    "Retries",
    "ServerRefused",
    "SyncCall",
    "SyncChannel",
    "SyncClient",
    "SyncWorkflow",
    "SyncWorkflowRun",
    "Task",
    "TooLarge",
    "TooMany",
    "WaitTimedOut",
    "Workflow",
    "WorkflowRun",
    "function_spec",
]

_HOMES = {
    "Call": "context",
    "Channel": "channel",
    "Client": "client",
    "Environment": "environment",
    "Executor": "executor",
    "Failure": "output",
    "Identity": "identity",
    "Output": "output",
    "Retries": "retries",
    "SyncCall": "sync.context",
    "SyncChannel": "sync.channel",
    "SyncClient": "sync.client",
    "SyncWorkflow": "sync.workflow",
    "SyncWorkflowRun": "sync.workflow",
    "Task": "graph",
    "Workflow": "workflow",
    "WorkflowRun": "workflow",
    "function_spec": "spec",
}
"""The module of every public name that does not live in `errors`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
