"""From settings to what judges the proofs of audit records. Loaded by what receives them: cryptography is an extra."""

from __future__ import annotations

from pathlib import Path

from otel_audit.audit_signal.keys import TrustedKey, trusted_keys, trusted_secret
from otel_audit.audit_signal.proofs import ProofChecker
from otel_audit.config.settings import ProofKey, Proofs
from otel_audit.errors import ConfigurationError

__all__ = ["proof_checker"]


def proof_checker(settings: Proofs) -> ProofChecker:
    """What judges proofs.

    Raises:
        ConfigurationError: a key cannot be read, or none is trusted and proofs are required.
    """
    keys = [key for entry in settings.keys for key in _read(entry)]
    if settings.required and not keys:
        raise ConfigurationError("proofs.required: no record could prove anything without proofs.keys")
    return ProofChecker(keys, is_required=settings.required)


def _read(entry: ProofKey) -> list[TrustedKey]:
    if (entry.file is None) == (entry.secret is None):
        raise ConfigurationError(f"proofs.keys {entry.name}: either a file or a secret")
    if entry.secret is not None:
        return [trusted_secret(entry.secret.reveal())]
    try:
        content = Path(str(entry.file)).expanduser().read_bytes()
    except OSError as error:
        raise ConfigurationError(f"proofs.keys {entry.name}: {error.strerror}") from None
    return trusted_keys(content, key_id=entry.name)
