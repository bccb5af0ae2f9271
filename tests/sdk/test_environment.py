"""Settings from environment variables."""

from __future__ import annotations

import pytest
from colonyledger.client import Client
from colonyledger.environment import Environment, url_of
from colonyledger.errors import ConfigurationError

USER_KEY = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05"
USER_ID = "3fc05cf3df4b494e95d6a3d297a34f19938f7daa7422ab0d4f794454133341ac"


def test_defaults() -> None:
    environment = Environment({})
    assert environment.url == "http://localhost:50080"
    assert not environment.has_identity
    assert not environment.has_colony_owner
    assert not environment.ascii_tables


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({"COLONIES_SERVER_HOST": "example.org"}, "http://example.org:50080"),
        ({"COLONIES_SERVER_PORT": "80"}, "http://localhost:80"),
        ({"COLONIES_SERVER_PORT": "80", "COLONIES_SERVER_HTTP_PORT": "81"}, "http://localhost:81"),
        ({"COLONIES_SERVER_PORT": "80", "COLONIES_SERVER_HTTP_PORT": ""}, "http://localhost:80"),
        ({"COLONIES_TLS": "true"}, "https://localhost:50080"),
        ({"COLONIES_SERVER_TLS": "True"}, "https://localhost:50080"),
        ({"COLONIES_TLS": "false", "COLONIES_SERVER_TLS": "true"}, "http://localhost:50080"),
        ({"COLONIES_SERVER_HOST": "::1"}, "http://[::1]:50080"),
    ],
)
def test_the_address(variables: dict[str, str], url: str) -> None:
    assert Environment(variables).url == url


def test_an_address_of_its_parts() -> None:
    assert url_of("h", 1, tls=True) == "https://h:1"
    assert url_of("[::1]", 1) == "http://[::1]:1"


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("identity", "COLONIES_PRVKEY"),
        ("colony_owner", "COLONIES_COLONY_PRVKEY"),
        ("server_owner", "COLONIES_SERVER_PRVKEY"),
    ],
)
def test_identities(name: str, variable: str) -> None:
    assert getattr(Environment({variable: USER_KEY}), name).id == USER_ID


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("colony", "COLONIES_COLONY_NAME"),
        ("identity", "COLONIES_PRVKEY"),
        ("colony_owner", "COLONIES_COLONY_PRVKEY"),
        ("server_owner", "COLONIES_SERVER_PRVKEY"),
        ("executor_name", "COLONIES_EXECUTOR_NAME"),
        ("executor_type", "COLONIES_EXECUTOR_TYPE"),
    ],
)
@pytest.mark.parametrize("variables", [{}, {"": ""}, None])
def test_a_missing_variable_is_named(name: str, variable: str, variables: dict[str, str] | None) -> None:
    given = {variable: " "} if variables is None else variables
    with pytest.raises(ConfigurationError, match=f"{variable} is not set"):
        getattr(Environment(given), name)


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("port", "COLONIES_SERVER_PORT", "http"),
        ("port", "COLONIES_SERVER_HTTP_PORT", "0"),
        ("port", "COLONIES_SERVER_PORT", "65536"),
        ("port", "COLONIES_SERVER_PORT", "²"),
        ("tls", "COLONIES_TLS", "maybe"),
        ("tls", "COLONIES_SERVER_TLS", "maybe"),
        ("identity", "COLONIES_PRVKEY", "secret"),
        ("colony_owner", "COLONIES_COLONY_PRVKEY", "00" * 32),
        ("ascii_tables", "COLONIES_CLI_ASCII", "perhaps"),
    ],
)
def test_a_bad_value_names_its_variable(name: str, variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{variable} is") as raised:
        getattr(Environment({variable: value}), name)
    if "PRVKEY" in variable:
        assert value not in str(raised.value)


def test_the_machine_is_part_of_an_executors_name() -> None:
    assert Environment({"COLONIES_EXECUTOR_NAME": "edge"}).executor_name == "edge"
    assert Environment({"COLONIES_EXECUTOR_NAME": "edge", "HOSTNAME": "m1"}).executor_name == "edge.m1"


async def test_a_client_of_the_environment() -> None:
    variables = {"COLONIES_COLONY_NAME": "dev", "COLONIES_PRVKEY": USER_KEY, "COLONIES_SERVER_PORT": "1"}
    async with Client.from_environment(Environment(variables)) as client:
        assert client.url == "http://localhost:1"
        assert client.colony == "dev"
        assert client.identity is not None
        assert client.identity.id == USER_ID


def test_a_client_needs_a_key_and_a_colony() -> None:
    with pytest.raises(ConfigurationError, match="COLONIES_PRVKEY"):
        Client.from_environment(Environment({"COLONIES_COLONY_NAME": "dev"}))
    with pytest.raises(ConfigurationError, match="COLONIES_COLONY_NAME"):
        Client.from_environment(Environment({"COLONIES_PRVKEY": USER_KEY}))
