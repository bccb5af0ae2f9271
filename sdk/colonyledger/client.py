"""The client: `call` for any message of the protocol, and a method for each of them.

The methods are in `colonyledger.rpc`, one file per domain; a new domain is one more base class.
"""

from __future__ import annotations

from typing import Self

from colonyledger.environment import DEFAULT_HOST, DEFAULT_PORT, Environment, url_of
from colonyledger.identity import Identity
from colonyledger.retries import DEFAULT_RETRIES, Retries
from colonyledger.rpc.assignments import AssignmentCalls
from colonyledger.rpc.blueprints import BlueprintCalls
from colonyledger.rpc.channels import ChannelCalls
from colonyledger.rpc.colonies import ColonyCalls
from colonyledger.rpc.crons import CronCalls
from colonyledger.rpc.executors import ExecutorCalls
from colonyledger.rpc.files import FileCalls
from colonyledger.rpc.functions import FunctionCalls
from colonyledger.rpc.generators import GeneratorCalls
from colonyledger.rpc.identities import IdentityCalls
from colonyledger.rpc.locations import LocationCalls
from colonyledger.rpc.logs import LogCalls
from colonyledger.rpc.server import ServerCalls
from colonyledger.rpc.snapshots import SnapshotCalls
from colonyledger.rpc.subscriptions import SubscriptionCalls
from colonyledger.rpc.users import UserCalls
from colonyledger.rpc.windows import WindowCalls
from colonyledger.rpc.workflows import WorkflowCalls

__all__ = ["Client"]


class Client(
    ColonyCalls,
    UserCalls,
    ExecutorCalls,
    LocationCalls,
    IdentityCalls,
    FunctionCalls,
    SubscriptionCalls,
    AssignmentCalls,
    WorkflowCalls,
    CronCalls,
    GeneratorCalls,
    LogCalls,
    WindowCalls,
    ChannelCalls,
    FileCalls,
    SnapshotCalls,
    BlueprintCalls,
    ServerCalls,
):
    """All calls to a server; see `Caller` for what every one of them does and raises."""

    @classmethod
    def at(
        cls,
        host: str = DEFAULT_HOST,
        port: int = DEFAULT_PORT,
        identity: Identity | None = None,
        *,
        tls: bool = False,
        colony: str = "",
        timeout: float = 30.0,
        retries: Retries = DEFAULT_RETRIES,
        verify_tls: bool = True,
    ) -> Self:
        """A client of the server at `host` and `port`."""
        return cls(
            url_of(host, port, tls=tls),
            identity,
            colony=colony,
            timeout=timeout,
            retries=retries,
            verify_tls=verify_tls,
        )

    @classmethod
    def from_environment(cls, environment: Environment | None = None) -> Self:
        """A client as the environment variables say, which `Environment` lists.

        Raises:
            ConfigurationError: a variable is missing or has no valid value.
        """
        settings = environment or Environment()
        return cls(settings.url, settings.identity, colony=settings.colony)
