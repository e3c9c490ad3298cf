"""TLS for both doors: certificates that are read again when their files change, and who a client's says it is."""

from __future__ import annotations

import hashlib
import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc

from otel_audit.errors import ConfigurationError

__all__ = ["Certificates", "TlsFiles", "certified_over_grpc", "certified_over_tls"]

_log = logging.getLogger(__name__)

_MAX_ID: Final = 256
_NAMES: Final = (("URI", "peer_uri"), ("DNS", "peer_dns"), ("email", "peer_email"))
"""Subject alternative names that say who it is, best first, as Python and as gRPC name them (RFC 5280, 4.2.1.6)."""


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files.

    Attributes:
        certificate: chain, the server's own first.
        key: its private key.
        client_ca: who issues the certificates that clients have to have; ``None`` if none is asked for.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class Certificates:
    """What both doors prove themselves by now.

    Args:
        files: where it is.

    Raises:
        ConfigurationError: a file cannot be read, or does not hold what it should.
    """

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._state = self._look()
        self.context, self._grpc = self._read()
        """For servers on sockets: TLS 1.2 and later."""
        self._told_grpc = self._grpc

    def renew(self) -> bool:
        """Read the files again if they changed. What cannot be used leaves everything as it was.

        Returns:
            Whether there is something new.
        """
        state = self._look()
        if state == self._state:
            return False
        self._state = state
        try:
            self.context, self._grpc = self._read()
        except ConfigurationError as error:
            _log.error("certificates stay as they were: %s", error)
            return False
        _log.info("certificates were read again")
        return True

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """For a gRPC server, which asks for them anew with each connection."""
        return grpc.dynamic_ssl_server_credentials(
            self._grpc, self._news_for_grpc, require_client_authentication=self._files.client_ca is not None
        )

    def _news_for_grpc(self) -> Any:
        # Called on threads of gRPC; None means that nothing changed.
        news = self._grpc
        if news is self._told_grpc:
            return None
        self._told_grpc = news
        return news

    def _read(self) -> tuple[ssl.SSLContext, Any]:
        files = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            chain, key = files.certificate.read_bytes(), files.key.read_bytes()
            roots = None if files.client_ca is None else files.client_ca.read_bytes()
            context.load_cert_chain(files.certificate, files.key, password=_no_password)
            if files.client_ca is not None:
                context.load_verify_locations(files.client_ca)
                context.verify_mode = ssl.CERT_REQUIRED
        except ssl.SSLError as error:
            cause = (error.reason or "unreadable").lower().replace("_", " ")
            raise ConfigurationError(f"the TLS files cannot be used: {cause}") from None
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or "the key needs a password"
            name = getattr(error, "filename", None) or files.key
            raise ConfigurationError(f"the TLS file {name} cannot be used: {cause}") from None
        return context, grpc.ssl_server_certificate_configuration([(key, chain)], root_certificates=roots)

    def _look(self) -> tuple[object, ...]:
        return tuple(
            _state(path)
            for path in (self._files.certificate, self._files.key, self._files.client_ca)
            if path is not None
        )


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal.
    raise ValueError


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def certified_over_tls(tls: ssl.SSLObject) -> str | None:
    """Who a client is by its certificate; ``None`` without one."""
    der = tls.getpeercert(binary_form=True)
    if der is None:
        return None
    fields: Mapping[str, Any] = tls.getpeercert() or {}
    names: Sequence[tuple[str, str]] = fields.get("subjectAltName", ())
    subject: dict[str, str] = {key: value for part in fields.get("subject", ()) for key, value in part}
    for kind, _ in _NAMES:
        for found, value in names:
            if found == kind:
                return value[:_MAX_ID]
    return subject.get("commonName", _fingerprint(der))[:_MAX_ID]


def certified_over_grpc(context: Mapping[str, Iterable[bytes]]) -> str | None:
    """Likewise, from what gRPC says of a connection (``auth_context()``)."""
    pem = b"".join(context.get("x509_pem_cert", ()))
    if not pem:
        return None
    for key in (*(kind for _, kind in _NAMES), "x509_common_name"):
        for value in context.get(key, ()):
            return value.decode("utf-8", "replace")[:_MAX_ID]
    return _fingerprint(ssl.PEM_cert_to_DER_cert(pem.decode("ascii")))


def _fingerprint(der: bytes) -> str:
    return f"sha256:{hashlib.sha256(der).hexdigest()}"
