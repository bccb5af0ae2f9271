"""The settings of a server, each with its unit, default and bounds.

Flags of `colony server start` come first, then the environment variables named here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from projections.ids import is_identity
from projections.zones import is_zone
from services.node.tls import CertificateError, named_certificate
from services.secrets import SecretError, secret

__all__ = ["NodeSettings", "SettingsError"]

_MIB = 1024 * 1024


class SettingsError(ValueError):
    """A setting is missing or cannot be understood; the text says which and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """How one server process runs."""

    host: str = "0.0.0.0"  # noqa: S104 (a server is there to be reached)
    """Address to listen on (COLONIES_SERVER_HTTP_HOST)."""
    port: int = 50080
    """Port to listen on (COLONIES_SERVER_HTTP_PORT, else COLONIES_SERVER_PORT); 0 takes a free one."""
    advertised: str = ""
    """`host:port` at which other nodes and clients reach this one; empty is the machine's name (LEDGER_ADVERTISED)."""
    data_dir: Path = Path("data")
    """Where the embedded ledger, the reads log, the history and the node's key are kept (LEDGER_DATA_DIR)."""
    ledger: str = ""
    """`kafka://host:port[,host:port][/topic]`, or a directory; empty is `ledger` in the data directory (LEDGER_URL)."""
    history: str = "none"
    """`chdb` for the engine in this process, `clickhouse://user:password@host:port/database`, or `none` (LEDGER_HISTORY).

    The variable LEDGER_HISTORY_FILE may name a file that holds it, as the password is a secret.
    """
    replicas: int = 0
    """On Kafka: how many nodes hold each partition of the ledger; the others forward to them. 0: all of them hold all
    (LEDGER_REPLICAS)."""
    cluster_ca: Path | None = None
    """PEM file of the certificates that vouch for other nodes which speak HTTPS. None: those of the system
    (LEDGER_CLUSTER_CA)."""
    server_id: str = ""
    """Id of the server owner (COLONIES_SERVER_ID). Needed once, when the ledger is made."""
    reregister: bool = False
    """Whether an executor may be added again under a name in use (COLONIES_ALLOW_EXECUTOR_REREGISTER)."""
    stale_executor_seconds: int = 600
    """How long an executor may be silent before it is looked after; 0 is for ever (COLONIES_STALE_EXECUTOR_DURATION)."""
    cleanup_seconds: int = 60
    """How long a silent executor has then to come back before it is unregistered (COLONIES_CLEANUP_INTERVAL)."""
    retention: bool = False
    """Whether what has ended successfully leaves memory after a time (COLONIES_RETENTION)."""
    retention_seconds: int = 0
    """That time, at least 1 with retention (COLONIES_RETENTION_POLICY)."""
    retention_all: bool = False
    """Whether what has failed or was cancelled leaves as well (LEDGER_RETENTION_ALL)."""
    timezone: str = "UTC"
    """The zone of cron expressions that name none, such as Europe/Stockholm (LEDGER_TIMEZONE, else TZ)."""
    reads_retention_seconds: int = 7 * 86_400
    """How long queries and refused requests are kept in the reads log; 0 keeps no reads log (LEDGER_READS_RETENTION).

    On Kafka the topic's own settings say how long and how much is kept.
    """
    reads_retention_bytes: int = 10 * 1024 * _MIB
    """Size of the reads log from which its oldest entries go, however young (LEDGER_READS_RETENTION_BYTES)."""
    max_body_bytes: int = 64 * _MIB
    """Largest request body; a larger one gets 413 (LEDGER_MAX_BODY_BYTES; protocol: envelope.md section 1)."""
    max_requests_in_work: int = 1024
    """Most requests that this node works on at one time, without those that wait for work; one more gets 503
    (LEDGER_MAX_REQUESTS_IN_WORK)."""
    max_parked_demands: int = 100_000
    """Most executors that wait for work at this node; one more gets 429 (LEDGER_MAX_PARKED_DEMANDS)."""
    facts: bool = True
    """On Kafka: whether what happens is told on the topic `facts` (LEDGER_FACTS)."""
    windows_per_colony: int = 10_000
    """Windows of a colony, each of a function on an executor, that are held to be asked for; 0 holds none
    (LEDGER_WINDOWS_PER_COLONY)."""
    requests: bool = True
    """On Kafka: whether RPCs are taken from the topic `requests` (LEDGER_REQUESTS)."""
    max_requests_in_flight: int = 512
    """Requests from that topic that are served at one time; the rest waits there (LEDGER_MAX_REQUESTS_IN_FLIGHT)."""
    max_subscribers: int = 10_000
    """Most websocket connections at one time; one more gets 429 (LEDGER_MAX_SUBSCRIBERS)."""
    max_subscriptions: int = 100
    """Most subscriptions on one websocket connection; one more gets 429 (LEDGER_MAX_SUBSCRIPTIONS)."""
    snapshots: str = ""
    """Where snapshots of the state are kept: a directory or `s3://bucket/prefix`; empty is `snapshots` in the
    data directory (LEDGER_SNAPSHOTS).
    """
    snapshot_records: int = 100_000
    """Records of a partition between two snapshots, at least 100; 0 makes none (LEDGER_SNAPSHOT_RECORDS)."""
    archive: str = ""
    """Where an archive of the ledger is kept: a directory or `s3://bucket/prefix`; empty keeps none (LEDGER_ARCHIVE)."""
    archive_seconds: int = 300
    """How often what is new in the ledger is added to its archive (LEDGER_ARCHIVE_SECONDS)."""
    max_connections: int = 120_000
    """Most connections at one time, those of parked executors and subscribers included; one more gets 503
    (LEDGER_MAX_CONNECTIONS)."""
    rate_per_identity: int = 0
    """RPCs that one identity may send to this node in a second; more get 429. 0 is as many as it likes
    (LEDGER_RATE_PER_IDENTITY)."""
    rate_burst: int = 0
    """RPCs that an identity may send at once after a pause; 0 is twice `rate_per_identity` (LEDGER_RATE_BURST)."""
    tls_cert: Path | None = None
    """PEM file of the certificate that the server shows, with those that vouch for it (LEDGER_TLS_CERT;
    services/node/tls.py has the ecosystem's names). None: plain HTTP."""
    tls_key: Path | None = None
    """PEM file of its key (LEDGER_TLS_KEY)."""
    workers: int = 1
    """Processes that take requests and check signatures; with more than one, the ledger has another one to itself
    (LEDGER_WORKERS)."""
    graceful_seconds: int = 5
    """How long running requests may take to finish after SIGTERM (LEDGER_GRACEFUL_SECONDS)."""
    build_version: str = field(default_factory=lambda: version("colony-ledger"))
    """What `versionmsg` and `getserverinfomsg` say (BUILD_VERSION)."""
    build_time: str = ""
    """When it was built, free text (BUILD_TIME)."""

    def __post_init__(self) -> None:
        for name, (lowest, highest) in _BOUNDS.items():
            if not lowest <= getattr(self, name) <= highest:
                raise SettingsError(f"{_called(name)} must be from {lowest} to {highest}")
        self._check_places()
        self._check_history()
        if self.retention and not self.retention_seconds:
            raise SettingsError(
                f"{_called('retention')} is on and {_called('retention_seconds')} is not set: say after how many "
                "seconds what has ended successfully may leave, such as 604800 for a week"
            )
        if not is_zone(self.timezone):
            raise SettingsError(
                f"{_called('timezone')}, else TZ, must be a time zone such as Europe/Stockholm or UTC, "
                f"not {self.timezone!r}"
            )
        if (self.tls_cert is None) != (self.tls_key is None):
            raise SettingsError(f"{_called('tls_cert')} and {_called('tls_key')} belong together")
        if self.server_id and not is_identity(self.server_id):
            raise SettingsError(
                f"{_called('server_id')} must be the id of a key, 64 lower-case hexadecimal digits"
            )
        host, _, port = self.advertised.rpartition(":")
        if self.advertised and not (host and port.isdecimal() and int(port) in range(1, 65_536)):
            raise SettingsError(f"{_called('advertised')} must be host:port, not {self.advertised!r}")
        if "://" in self.ledger and not self.is_on_kafka:
            raise SettingsError(f"{_called('ledger')} must be kafka://… or a directory, not {self.ledger!r}")

    def _check_history(self) -> None:
        if self.history not in ("none", "chdb") and not self.history.startswith(
            ("clickhouse://", "clickhouses://")
        ):
            raise SettingsError(
                f"{_called('history')} must be none, chdb or clickhouse://…, not {_hidden(self.history)!r}"
            )
        if self.replicas and self.history == "chdb":
            raise SettingsError(
                f"{_called('history')} must not be chdb with {_called('replicas')}: each node would know a share of it; "
                "use a ClickHouse server"
            )

    def _check_places(self) -> None:
        if 0 < self.snapshot_records < _FEWEST_SNAPSHOT_RECORDS:
            raise SettingsError(
                f"{_called('snapshot_records')} must be 0 for no snapshots, or at least {_FEWEST_SNAPSHOT_RECORDS}"
            )
        if "://" in self.snapshots and not self.snapshots.startswith("s3://"):
            raise SettingsError(
                f"{_called('snapshots')} must be a directory or s3://bucket/prefix, not {self.snapshots!r}"
            )
        if "://" in self.archive and not self.archive.startswith("s3://"):
            raise SettingsError(
                f"{_called('archive')} must be a directory or s3://bucket/prefix, not {self.archive!r}"
            )

    @property
    def is_on_kafka(self) -> bool:
        """Whether the ledger is a topic."""
        return self.ledger.startswith("kafka://")

    @property
    def is_sharing(self) -> bool:
        """Whether this node holds a share of the partitions."""
        return self.is_on_kafka and self.replicas > 0

    @property
    def snapshots_place(self) -> str:
        """Where snapshots of the state are kept."""
        return self.snapshots or str(self.data_dir / "snapshots")

    @property
    def ledger_url(self) -> str:
        """Where the ledger is."""
        return self.ledger or str(self.data_dir / "ledger")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **flags: object) -> NodeSettings:
        """Settings from flags (those that are not None) and the environment.

        Raises:
            SettingsError: a setting cannot be read, or is out of bounds.
        """
        given = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for name, variables in _VARIABLES.items():
            for variable in variables:
                if given.get(variable):
                    values[name] = _read(name, variable, given[variable])
                    break
        try:
            if history := secret(given, "LEDGER_HISTORY"):
                values["history"] = history
            if files := named_certificate(given):
                values["tls_cert"], values["tls_key"] = files
        except (SecretError, CertificateError) as error:
            raise SettingsError(str(error)) from None
        values.update({name: value for name, value in flags.items() if value is not None})
        return cls(**values)  # type: ignore[arg-type]


_VARIABLES = {
    "host": ("COLONIES_SERVER_HTTP_HOST",),
    "port": ("COLONIES_SERVER_HTTP_PORT", "COLONIES_SERVER_PORT"),
    "advertised": ("LEDGER_ADVERTISED",),
    "data_dir": ("LEDGER_DATA_DIR",),
    "ledger": ("LEDGER_URL",),
    "history": ("LEDGER_HISTORY",),
    "replicas": ("LEDGER_REPLICAS",),
    "cluster_ca": ("LEDGER_CLUSTER_CA",),
    "server_id": ("COLONIES_SERVER_ID",),
    "reregister": ("COLONIES_ALLOW_EXECUTOR_REREGISTER",),
    "stale_executor_seconds": ("COLONIES_STALE_EXECUTOR_DURATION",),
    "cleanup_seconds": ("COLONIES_CLEANUP_INTERVAL",),
    "retention": ("COLONIES_RETENTION",),
    "retention_seconds": ("COLONIES_RETENTION_POLICY",),
    "retention_all": ("LEDGER_RETENTION_ALL",),
    "timezone": ("LEDGER_TIMEZONE", "TZ"),
    "reads_retention_seconds": ("LEDGER_READS_RETENTION",),
    "reads_retention_bytes": ("LEDGER_READS_RETENTION_BYTES",),
    "max_body_bytes": ("LEDGER_MAX_BODY_BYTES",),
    "max_requests_in_work": ("LEDGER_MAX_REQUESTS_IN_WORK",),
    "max_parked_demands": ("LEDGER_MAX_PARKED_DEMANDS",),
    "facts": ("LEDGER_FACTS",),
    "windows_per_colony": ("LEDGER_WINDOWS_PER_COLONY",),
    "requests": ("LEDGER_REQUESTS",),
    "max_requests_in_flight": ("LEDGER_MAX_REQUESTS_IN_FLIGHT",),
    "max_subscribers": ("LEDGER_MAX_SUBSCRIBERS",),
    "max_subscriptions": ("LEDGER_MAX_SUBSCRIPTIONS",),
    "snapshots": ("LEDGER_SNAPSHOTS",),
    "snapshot_records": ("LEDGER_SNAPSHOT_RECORDS",),
    "archive": ("LEDGER_ARCHIVE",),
    "archive_seconds": ("LEDGER_ARCHIVE_SECONDS",),
    "max_connections": ("LEDGER_MAX_CONNECTIONS",),
    "rate_per_identity": ("LEDGER_RATE_PER_IDENTITY",),
    "rate_burst": ("LEDGER_RATE_BURST",),
    "tls_cert": ("LEDGER_TLS_CERT",),
    "tls_key": ("LEDGER_TLS_KEY",),
    "workers": ("LEDGER_WORKERS",),
    "graceful_seconds": ("LEDGER_GRACEFUL_SECONDS",),
    "build_version": ("BUILD_VERSION",),
    "build_time": ("BUILD_TIME",),
}

_FEWEST_SNAPSHOT_RECORDS = 100
"""A snapshot is followed by a record that tells of it: one after every few records would never come to rest."""

_CENTURY = 100 * 366 * 86_400

_BOUNDS = {
    "port": (0, 65_535),
    "replicas": (0, 1000),
    "stale_executor_seconds": (0, _CENTURY),
    "cleanup_seconds": (0, _CENTURY),
    "retention_seconds": (0, _CENTURY),
    "reads_retention_seconds": (0, _CENTURY),
    "reads_retention_bytes": (_MIB, 2**62),
    "max_body_bytes": (1024, 64 * _MIB),
    "max_requests_in_work": (1, 1_000_000),
    "max_parked_demands": (0, 10_000_000),
    "windows_per_colony": (0, 1_000_000),
    "max_requests_in_flight": (1, 1_000_000),
    "max_subscribers": (0, 1_000_000),
    "max_subscriptions": (1, 100_000),
    "snapshot_records": (0, 10**12),
    "archive_seconds": (1, 86_400),
    "max_connections": (1, 10_000_000),
    "rate_per_identity": (0, 1_000_000),
    "rate_burst": (0, 10_000_000),
    "workers": (1, 64),
    "graceful_seconds": (0, 3600),
}

_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _called(name: str) -> str:
    """What people know a setting by."""
    return f"{name} ({_VARIABLES[name][0]})"


def _hidden(url: str) -> str:
    """A wrong address without what may be a password in it."""
    scheme, found, _ = url.partition("://")
    return f"{scheme}://…" if found or "@" in url else url


def _read(name: str, variable: str, text: str) -> object:
    if name in ("data_dir", "cluster_ca", "tls_cert", "tls_key"):
        return Path(text)
    if name in ("reregister", "retention", "retention_all", "facts", "requests"):
        if text.lower() not in _TRUTH:
            raise SettingsError(f"{variable} must be true or false, not {text!r}")
        return _TRUTH[text.lower()]
    if name not in _BOUNDS:
        return text.lower() if name == "server_id" else text
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{variable} must be a whole number, not {text!r}") from None
