"""The compose file: valid, pinned, without secrets, with few rights, and the same cluster as the native one.

There is no Docker here: what is checked is the file, the Dockerfile and the scripts they name, not running containers.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml

from infra.cluster.shape import BROKERS, COMMAND, WORKER_COMMAND, Shape
from services.archive import open_archive_store
from services.ledger import KafkaSettings
from services.ledger.kafka.acls import roles
from services.ledger.kafka.security import VARIABLES
from services.node import settings as node_settings
from services.node.settings import NodeSettings
from services.node.tls import CERTIFICATE_VARIABLES
from services.streams.settings import WorkerSettings
from tests.s3_server import running_s3

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
NODES = {name: service for name, service in SERVICES.items() if service.get("command") == ["server", "start"]}
WORKERS = {
    name: service for name, service in SERVICES.items() if service.get("command") == ["streams", "worker"]
}
KNOWN = (
    {variable for names in node_settings._VARIABLES.values() for variable in names}
    | {*VARIABLES, *CERTIFICATE_VARIABLES, "LEDGER_HISTORY_FILE"}
    | {"AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_SHARED_CREDENTIALS_FILE"}
)  # fmt: skip


def test_it_is_a_compose_file() -> None:
    package = distribution("check-jsonschema")
    (schema,) = [file for file in package.files or [] if file.name == "compose-spec.json"]
    jsonschema.validate(COMPOSE, json.loads(Path(str(schema.locate())).read_text()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service(name: str) -> None:
    service = SERVICES[name]
    image, _, tag = service["image"].rpartition(":")
    assert image
    assert re.search(r"\d+\.\d+|RELEASE\.\d{4}", tag), f"{service['image']} is not pinned"
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["read_only"] is True or name == "clickhouse"
    assert service["restart"] in {"unless-stopped", "on-failure:10"}
    if service["restart"] == "unless-stopped":
        built = service.get("build") is not None
        assert built or service["healthcheck"]["test"], "it does not say how it is"
    assert {"networks", "network_mode"} & service.keys()
    for used in service.get("secrets", []):
        assert (used if isinstance(used, str) else used["source"]) in COMPOSE["secrets"]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (ROOT / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    for other in service.get("depends_on", {}):
        assert other in SERVICES


def test_only_the_doors_are_open() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        "balancer": ["50443:50443"],
        "s3": ["127.0.0.1:9000:9000"],
        "grafana": ["127.0.0.1:3000:3000"],
    }


def test_it_holds_no_secret() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|PRVKEY|SECRET|TOKEN", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.startswith("/run/secrets/")
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


@pytest.mark.parametrize("name", SERVICES)
def test_settings_and_secrets_of_a_service_exist(name: str) -> None:
    """Every variable of ours is read by somebody, and every secret that is named is there, and none besides."""
    service = SERVICES[name]
    given = service.get("environment", {})
    assert {variable for variable in given if variable.startswith(("LEDGER_", "COLONIES_"))} <= KNOWN
    mounted = {
        used if isinstance(used, str) else used.get("target", used["source"])
        for used in service.get("secrets", [])
    }
    told = [*map(str, given.values()), *map(str, service.get("entrypoint", []))]
    named = {found for text in told for found in re.findall(r"/run/secrets/([\w.-]+)", text)}
    assert named <= mounted
    if service.get("build"):
        assert mounted == named


def make_secrets(directory: Path) -> None:
    """Make the secrets in a directory that stands for `infra`."""
    for script in ("secrets/make", "kafka/certificates"):
        copied = directory / script
        copied.parent.mkdir(exist_ok=True)
        copied.write_text((ROOT / "infra" / script).read_text())
        copied.chmod(0o755)
    subprocess.run([directory / "secrets" / "make"], check=True, capture_output=True, timeout=60)


def test_the_secrets_are_those_that_are_made(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    make_secrets(tmp_path)
    made = {f"./infra/secrets/{path.name}" for path in (tmp_path / "secrets").iterdir()}
    named = {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert named <= made
    assert made - named == {f"./infra/secrets/{name}" for name in ("make", "ca.key", "ca.srl")}
    assert (tmp_path / "secrets" / "ca.key").stat().st_mode & 0o077 == 0
    ignored = subprocess.run(
        ["git", "check-ignore", "--no-index", *sorted(named)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(ignored.stdout.split()) == named
    url = (tmp_path / "secrets" / "history.url").read_text().strip()
    clickhouse = SERVICES["clickhouse"]["environment"]
    assert re.fullmatch(
        rf"clickhouse://{clickhouse['CLICKHOUSE_USER']}:[0-9a-f]{{48}}@clickhouse:8123/{clickhouse['CLICKHOUSE_DB']}",
        url,
    )


def test_nodes_are_told_what_native_ones_are_told(tmp_path: Path) -> None:
    native = Shape(directory=tmp_path, secure=True).environment_of(1, "b:9092").keys()
    assert len(NODES) == Shape(directory=tmp_path).nodes
    for name, node in NODES.items():
        given = set(node["environment"])
        assert given <= KNOWN, f"{name} has settings that nobody reads: {sorted(given - KNOWN)}"
        same = {variable.removesuffix("_FILE") for variable in given}
        assert {variable.removesuffix("_FILE") for variable in native} <= same
        assert same - {variable.removesuffix("_FILE") for variable in native} == {
            "COLONIES_SERVER_ID",  # natively, --dev says who owns the server
            "LEDGER_RATE_PER_IDENTITY",
            "AWS_ENDPOINT_URL",  # natively, the archive is a directory
            "AWS_DEFAULT_REGION",
            "AWS_SHARED_CREDENTIALS",
        }
        assert node["environment"]["LEDGER_ADVERTISED"] == f"{name}:50080"
        assert [*node["command"]] == [*COMMAND[1:]]


def test_workers_are_told_what_native_ones_are_told(tmp_path: Path) -> None:
    shape = Shape(directory=tmp_path, secure=True)
    assert len(WORKERS) == shape.workers
    native = shape.environment_of_worker("b:9092")
    for worker in WORKERS.values():
        assert worker["environment"].keys() == native.keys()
        assert worker["environment"]["LEDGER_KAFKA_USERNAME"] == native["LEDGER_KAFKA_USERNAME"] == "worker"
        assert worker["environment"]["LEDGER_URL"].count(":9092") == BROKERS
        assert ["colony", *worker["command"]] == list(WORKER_COMMAND)
        assert {secret["target"] for secret in worker["secrets"]} == {"ca.pem", "worker.password"}


def test_workers_reach_the_brokers_and_are_reached_by_prometheus_only() -> None:
    for name, worker in WORKERS.items():
        assert set(worker["networks"]) == {"brokers", "workers"}
        assert COMPOSE["networks"]["workers"] == {"internal": True}
        others = {other for other, service in SERVICES.items() if "workers" in service.get("networks", [])}
        assert others - set(WORKERS) == {"prometheus"}
        assert "volumes" not in worker, name


def test_workers_say_how_they_are_where_they_listen() -> None:
    """What the image asks by itself is a node's port."""
    port = WorkerSettings(ledger=KafkaSettings(bootstrap_servers="b:9092")).port
    for worker in WORKERS.values():
        assert f"'http://127.0.0.1:{port}/metrics'" in worker["healthcheck"]["test"][-1]


def test_settings_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "history.url").write_text("clickhouse://colony:x@clickhouse:8123/colonyledger\n")
    for node in NODES.values():
        environment = {
            name: value.replace("/run/secrets", str(tmp_path)) for name, value in node["environment"].items()
        } | {"COLONIES_SERVER_ID": "ab" * 32}
        settings = NodeSettings.from_environment(environment)
        assert settings.history.startswith("clickhouse://")
        assert settings.ledger_url.count(":9092") == BROKERS


@pytest.mark.parametrize("name", NODES)
def test_a_node_finds_the_archive(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the object store, with the credentials that are made, in the bucket that is made."""
    make_secrets(tmp_path)
    node, given = NODES[name], NODES[name]["environment"]
    store, port = given["AWS_ENDPOINT_URL"].removeprefix("http://").split(":")
    assert set(node["networks"]) & set(SERVICES[store]["networks"])
    assert f":{port}" in SERVICES[store]["command"]
    bucket = given["LEDGER_ARCHIVE"].removeprefix("s3://")
    assert f"mc mb --ignore-existing store/{bucket} " in SERVICES["s3-bucket"]["entrypoint"][-1]
    mounted = {f"/run/secrets/{secret['target']}": secret["source"] for secret in node["secrets"]}
    file = Path(COMPOSE["secrets"][mounted[given["AWS_SHARED_CREDENTIALS_FILE"]]]["file"])
    for variable in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    with running_s3() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{server.address}")
        monkeypatch.setenv("AWS_DEFAULT_REGION", given["AWS_DEFAULT_REGION"])
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "secrets" / file.name))
        credentials = boto3.Session().get_credentials()
        assert credentials is not None
        assert credentials.access_key == SERVICES[store]["environment"]["MINIO_ROOT_USER"]
        assert credentials.secret_key == (tmp_path / "secrets" / "s3.password").read_text().strip()
        boto3.client("s3").create_bucket(Bucket=bucket)
        archive = open_archive_store(given["LEDGER_ARCHIVE"])
        archive.write("name", b"data")
        assert archive.read("name") == b"data"


def test_brokers_have_the_settings_of_native_ones(tmp_path: Path) -> None:
    brokers = [name for name in SERVICES if re.fullmatch(r"kafka-\d", name)]
    assert len(brokers) == BROKERS
    native = (ROOT / "infra" / "kafka" / "kafka").read_text()
    written = set(re.findall(r'echo "([a-z.]+)=', native))
    for number, name in enumerate(brokers, 1):
        assert SERVICES[name]["entrypoint"] == ["/colony/container", str(number)]
        printed = subprocess.run(
            [ROOT / "infra" / "kafka" / "container", str(number), "print"],
            capture_output=True, text=True, check=True, timeout=10,
        ).stdout  # fmt: skip
        for file in ("server.properties", "secure.properties"):
            assert (ROOT / "infra" / "kafka" / file).read_text() in printed
        own = re.findall(r"^([a-z.]+)=", printed[printed.index("node.id=") :], re.MULTILINE)
        assert set(own) == written - {"listener.security.protocol.map"}  # secure.properties has it
    version = re.search(
        r"<kafka.version>(.*)</kafka.version>", (ROOT / "infra" / "kafka" / "pom.xml").read_text()
    )
    assert version is not None
    assert SERVICES["kafka-1"]["image"] == f"apache/kafka:{version[1]}"


def test_users_and_rights_are_made_for_everybody() -> None:
    named = SERVICES["kafka-users"]["entrypoint"][4:]
    assert set(named) == {*roles(), "admin"} - {"executor"}
    allowed = SERVICES["kafka-acls"]["command"]
    assert set(allowed[2 : allowed.index("--apply")]) == set(named) - {"admin"}
    mounted = {secret["target"] for secret in SERVICES["kafka-users"]["secrets"]}
    assert mounted == {f"{name}.password" for name in named} | {"ca.pem", "keystore"}


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service.get("build")])
def test_commands_of_our_image_exist(name: str) -> None:
    """The flags are those of the command line; --help stops it before it does anything."""
    command = [str(word) for word in SERVICES[name]["command"]]
    colony = [sys.executable, "-c", "from colonyledger.cli import main; main()"]
    done = subprocess.run(
        [*colony, *command, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert all(flag in done.stdout for flag in command if flag.startswith("--"))


def test_scripts_in_containers_exist() -> None:
    for name, service in SERVICES.items():
        mounts = dict(
            reversed(volume.split(":")[:2])
            for volume in service.get("volumes", [])
            if volume.startswith("./")
        )
        words = [*service.get("entrypoint", []), *service.get("command", [])]
        for word in words:
            for inside, outside in mounts.items():
                if str(word).startswith(f"{inside}/"):
                    path = ROOT / outside / str(word).removeprefix(f"{inside}/")
                    assert path.exists(), (name, word)
                    assert word != words[0] or os.access(path, os.X_OK)


def test_the_dockerfile_takes_files_that_exist() -> None:
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        for source in shlex.split(line)[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, f"{source} is not in the build's context"
    assert "infra/secrets" in ignored
    assert re.search(r"^USER 10001$", text, re.MULTILINE)
    assert all(SERVICES[name]["user"] == "10001:10001" for name in NODES)
    (port,) = re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE)
    assert {node["environment"]["COLONIES_SERVER_HTTP_PORT"] for node in NODES.values()} == {port}


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_every_setting_of_a_node_has_a_variable() -> None:
    fields = {field.name for field in dataclasses.fields(NodeSettings)}
    assert set(node_settings._VARIABLES) == fields
