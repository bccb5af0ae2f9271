"""HTTPS: which certificate the server shows, and how."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

__all__ = [
    "CERTIFICATE_VARIABLES",
    "CertificateError",
    "cluster_context",
    "named_certificate",
    "server_context",
]

_CERTIFICATES = ("LEDGER_TLS_CERT", "COLONIES_SERVER_HTTP_TLS_CERT", "COLONIES_TLSCERT")
_KEYS = ("LEDGER_TLS_KEY", "COLONIES_SERVER_HTTP_TLS_KEY", "COLONIES_TLSKEY")
_SWITCH = "COLONIES_SERVER_HTTP_TLS"
_CLIENTS_SWITCH = "COLONIES_SERVER_TLS"

CERTIFICATE_VARIABLES = (*_CERTIFICATES, *_KEYS, _SWITCH, _CLIENTS_SWITCH)
"""Every variable that is read here."""


class CertificateError(ValueError):
    """The certificate or its key is missing or cannot be used."""


def named_certificate(environment: Mapping[str, str]) -> tuple[Path, Path] | None:
    """The files of certificate and key that the environment names; None if HTTP is to be plain.

    LEDGER_TLS_CERT turns TLS on. The ecosystem's variables are in the environment of clients and of servers
    behind a proxy, too (protocol: tools.md section 2): they count only together with
    COLONIES_SERVER_HTTP_TLS=true, or with COLONIES_SERVER_TLS=true where a certificate is named.

    Raises:
        CertificateError: TLS is on, and certificate or key is missing.
    """
    certificate, key = _first(environment, _CERTIFICATES), _first(environment, _KEYS)
    demanded = bool(environment.get(_CERTIFICATES[0]) or environment.get(_KEYS[0])) or _is_on(
        environment, _SWITCH
    )
    if not demanded and not (certificate and key and _is_on(environment, _CLIENTS_SWITCH)):
        return None
    if not (certificate and key):
        raise CertificateError(f"HTTPS needs {_CERTIFICATES[0]} and {_KEYS[0]}, the paths of two PEM files")
    return Path(certificate), Path(key)


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What TLS needs to show a certificate (with those that vouch for it, in one PEM file).

    Raises:
        CertificateError: a file cannot be read, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # An encrypted key would make OpenSSL ask at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except OSError as error:
        reason = error.strerror or str(error)
        raise CertificateError(f"the certificate {certificate} with {key} cannot be used: {reason}") from None
    return context


def cluster_context(ca: Path | None) -> ssl.SSLContext | None:
    """What TLS needs to know other nodes by the certificates in a PEM file; None without one.

    Raises:
        CertificateError: the file cannot be read, or holds none.
    """
    if ca is None:
        return None
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise CertificateError(
            f"the certificates in {ca} cannot be used: {error.strerror or error}"
        ) from None


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _is_on(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() in ("true", "1", "yes")
