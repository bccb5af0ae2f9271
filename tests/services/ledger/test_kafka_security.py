"""How a connection to Kafka is secured: what the environment may say, and that nothing shows the password."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from services.ledger import KafkaSettings, LedgerRefused
from services.ledger.kafka.security import VARIABLES, KafkaSecurity, SecurityError
from services.ledger.opening import kafka_settings

P = "LEDGER_KAFKA_"
USER = {f"{P}USERNAME": "ann", f"{P}PASSWORD": "hush-hush"}


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    """The certificate of an authority."""
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(path)
    return path


def test_nothing_said_is_plain_text() -> None:
    client = kafka_settings("kafka://a:1", environment={}).client()
    assert (client["security_protocol"], client["ssl_context"]) == ("PLAINTEXT", None)
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == (None, None)


def test_everything_reaches_the_client(tmp_path: Path, ca: Path) -> None:
    (tmp_path / "password").write_text("hush-hush\n")
    environment = {
        f"{P}SECURITY_PROTOCOL": "sasl_ssl",
        f"{P}USERNAME": "ann",
        f"{P}PASSWORD_FILE": str(tmp_path / "password"),
        f"{P}CA": str(ca),
    }
    assert environment.keys() <= set(VARIABLES)
    client = kafka_settings("kafka://a:1", environment=environment).client()
    assert client["security_protocol"] == "SASL_SSL"
    assert client["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("ann", "hush-hush")
    context: ssl.SSLContext = client["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert len(context.get_ca_certs()) == 1


def test_a_certificate_of_our_own(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("node-1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    given = {f"{P}CERT": str(tmp_path / "cert.pem"), f"{P}KEY": str(tmp_path / "key.pem")}
    assert KafkaSecurity.from_environment({f"{P}SECURITY_PROTOCOL": "SSL"} | given).ssl_context() is not None


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        (
            {f"{P}SECURITY_PROTOCOL": "TLS"},
            "must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL, not 'TLS'",
        ),
        ({f"{P}SASL_MECHANISM": "MAGIC"}, "must be one of SCRAM-SHA-512"),
        ({f"{P}SECURITY_PROTOCOL": "SASL_SSL"}, "SASL_SSL needs LEDGER_KAFKA_USERNAME and"),
        ({f"{P}SECURITY_PROTOCOL": "SASL_SSL", f"{P}USERNAME": "ann"}, "needs LEDGER_KAFKA_USERNAME and"),
        (USER, "a user is set, and LEDGER_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({**USER, f"{P}SECURITY_PROTOCOL": "SSL"}, "is SSL, which has none"),
        ({f"{P}CA": "ca.pem"}, "certificates are set, and"),
        ({f"{P}SECURITY_PROTOCOL": "SSL", f"{P}CERT": "cert.pem"}, "belong together"),
        ({f"{P}SECURITY_PROTOCOL": "SSL", f"{P}CA": "none.pem"}, "none.pem cannot be used: No such file"),
        (
            {f"{P}SECURITY_PROTOCOL": "SSL", f"{P}CERT": "none.pem", f"{P}KEY": "none.key"},
            "none.pem with none.key cannot be used: No such file",
        ),
        (
            {**USER, f"{P}SECURITY_PROTOCOL": "SASL_PLAINTEXT", f"{P}SASL_MECHANISM": "plain"},
            "sends the password in the clear",
        ),
        ({f"{P}PASSWORD_FILE": "none"}, "PASSWORD_FILE: none cannot be read"),
    ],
)
def test_what_does_not_fit_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(LedgerRefused, match=said) as refused:
        kafka_settings("kafka://a:1", environment=environment)
    assert "hush" not in str(refused.value)


def test_a_file_that_is_no_certificate(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("what?")
    with pytest.raises(SecurityError, match=r"ca\.pem cannot be used"):
        KafkaSecurity(protocol="SSL", ca=str(tmp_path / "ca.pem")).ssl_context()


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(LedgerRefused, match="without user and password") as refused:
        kafka_settings("kafka://ann:hush-hush@a:1", environment={})
    assert "hush" not in str(refused.value)


def test_no_text_of_settings_has_the_password() -> None:
    security = KafkaSecurity(protocol="SASL_SSL", username="ann", password="hush-hush")
    settings = KafkaSettings(bootstrap_servers="a:1").secured(security)
    assert settings.client()["sasl_plain_password"] == "hush-hush"
    assert "ann" in f"{security!r} {settings!r}"
    assert "hush" not in f"{security!r} {security} {settings!r} {settings}"
