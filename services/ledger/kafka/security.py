"""Who we are to the brokers, and how we know them: TLS and SASL, from the environment and from files.

| variable | default | meaning |
| --- | --- | --- |
| LEDGER_KAFKA_SECURITY_PROTOCOL | PLAINTEXT | PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL |
| LEDGER_KAFKA_SASL_MECHANISM | SCRAM-SHA-512 | SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN (with TLS only) |
| LEDGER_KAFKA_USERNAME | | the SASL user |
| LEDGER_KAFKA_PASSWORD | | its password |
| LEDGER_KAFKA_CA | the system's | PEM file of the certificates that vouch for the brokers |
| LEDGER_KAFKA_CERT, LEDGER_KAFKA_KEY | | PEM files of our own certificate and key, where brokers ask for one |

The user and the password may each be in a file that LEDGER_KAFKA_USERNAME_FILE or …_PASSWORD_FILE names.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.secrets import secret

__all__ = ["VARIABLES", "KafkaSecurity", "SecurityError"]

_PREFIX = "LEDGER_KAFKA_"
_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SCRAM = ("SCRAM-SHA-512", "SCRAM-SHA-256")
_MECHANISMS = (*_SCRAM, "PLAIN")

VARIABLES = tuple(
    _PREFIX + name
    for name in (
        "SECURITY_PROTOCOL",
        "SASL_MECHANISM",
        "USERNAME",
        "USERNAME_FILE",
        "PASSWORD",
        "PASSWORD_FILE",
        "CA",
        "CERT",
        "KEY",
    )
)
"""Every variable that is read here."""


class SecurityError(ValueError):
    """The settings contradict each other or a file cannot be used; the text holds no secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """How a connection to the brokers is secured.

    Raises:
        SecurityError: a setting is unknown, missing or does not fit another one.
    """

    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca: str = ""
    certificate: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        if self.protocol not in _PROTOCOLS:
            raise SecurityError(
                f"{_PREFIX}SECURITY_PROTOCOL must be one of {', '.join(_PROTOCOLS)}, not {self.protocol!r}"
            )
        if self.mechanism not in _MECHANISMS:
            raise SecurityError(
                f"{_PREFIX}SASL_MECHANISM must be one of {', '.join(_MECHANISMS)}, not {self.mechanism!r}"
            )
        if bool(self.certificate) != bool(self.key):
            raise SecurityError(f"{_PREFIX}CERT and {_PREFIX}KEY belong together; set both or neither")
        self._check_user()
        if (self.ca or self.certificate) and not self.has_tls:
            raise SecurityError(
                f"certificates are set, and {_PREFIX}SECURITY_PROTOCOL is {self.protocol}, which uses none; "
                "set it to SSL or SASL_SSL"
            )

    def _check_user(self) -> None:
        if self.has_sasl and not (self.username and self.password):
            raise SecurityError(
                f"{self.protocol} needs {_PREFIX}USERNAME and {_PREFIX}PASSWORD, or …_FILE with the path of each"
            )
        if (self.username or self.password) and not self.has_sasl:
            raise SecurityError(
                f"a user is set, and {_PREFIX}SECURITY_PROTOCOL is {self.protocol}, which has none; "
                "set it to SASL_SSL"
            )
        if self.protocol == "SASL_PLAINTEXT" and self.mechanism not in _SCRAM:
            raise SecurityError(f"{self.mechanism} without TLS sends the password in the clear; use SASL_SSL")

    @property
    def has_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.protocol.endswith("SSL")

    @property
    def has_sasl(self) -> bool:
        """Whether we show who we are with a password."""
        return self.protocol.startswith("SASL_")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> KafkaSecurity:
        """What the variables above say.

        Raises:
            SecurityError: they contradict each other.
            SecretError: a file with a secret cannot be read.
        """
        return cls(
            protocol=environment.get(f"{_PREFIX}SECURITY_PROTOCOL", "").upper() or "PLAINTEXT",
            mechanism=environment.get(f"{_PREFIX}SASL_MECHANISM", "").upper() or "SCRAM-SHA-512",
            username=secret(environment, f"{_PREFIX}USERNAME"),
            password=secret(environment, f"{_PREFIX}PASSWORD"),
            ca=environment.get(f"{_PREFIX}CA", ""),
            certificate=environment.get(f"{_PREFIX}CERT", ""),
            key=environment.get(f"{_PREFIX}KEY", ""),
        )

    def ssl_context(self) -> ssl.SSLContext | None:
        """What TLS needs; None without TLS. Brokers are checked by certificate and by name.

        Raises:
            SecurityError: a file of certificates cannot be used.
        """
        if not self.has_tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca or None)
        except OSError as error:
            raise SecurityError(f"{_PREFIX}CA: {self.ca} cannot be used: {_reason(error)}") from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate:
            try:
                # An encrypted key would make OpenSSL ask at the terminal.
                context.load_cert_chain(self.certificate, self.key, password=lambda: "")
            except OSError as error:
                raise SecurityError(
                    f"{_PREFIX}CERT and {_PREFIX}KEY: {self.certificate} with {self.key} cannot be used: "
                    f"{_reason(error)}"
                ) from None
        return context


def _reason(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
