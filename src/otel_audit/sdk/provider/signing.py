"""Proves each record with a key that can be changed while records are emitted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from otel_audit.audit_signal.canonical import canonical_form
from otel_audit.audit_signal.names import (
    ALGORITHM,
    CANONICALIZATION,
    CERTIFICATE,
    JCS,
    PRODUCER,
    PROOF,
    SIGNER,
)
from otel_audit.errors import ConfigurationError
from otel_audit.sdk.provider.audit_record import AuditRecord
from otel_audit.sdk.provider.processors import AuditRecordProcessor

if TYPE_CHECKING:
    from otel_audit.audit_signal.keys import SigningKey

__all__ = ["SigningAuditRecordProcessor"]


class SigningAuditRecordProcessor(AuditRecordProcessor):
    """Adds ``audit.integrity.value`` and how it was made. A record that has a proof already keeps it.

    Args:
        key: proves records from now on.
    """

    is_sealing = True

    def __init__(self, key: SigningKey) -> None:
        try:
            # Not at the top: cryptography is an extra.
            from otel_audit.audit_signal.algorithms import prove  # noqa: PLC0415
        except ImportError:
            raise ConfigurationError("proofs need cryptography: pip install 'otel-audit[signing]'") from None
        self._prove = prove
        self._key = key

    def rotate(self, key: SigningKey) -> None:
        """Prove by another key from the next record on. Whoever checks trusts both for as long as records travel."""
        self._key = key

    def on_emit(self, record: AuditRecord) -> None:
        """As every processor.

        Raises:
            InputError: a value of the record has no canonical form.
        """
        if PROOF in record.attributes:
            return
        # Read once: another thread may change it.
        key = self._key
        proof = self._prove(key.algorithm, key.material, canonical_form(record.log()))
        record.add(PROOF, base64.b64encode(proof).decode())
        for name, value in ((SIGNER, PRODUCER), (CANONICALIZATION, JCS)):
            if name not in record.attributes:
                record.add(name, value)
        record.add_to_resource(ALGORITHM, key.algorithm)
        if key.reference:
            record.add_to_resource(CERTIFICATE, key.reference)
