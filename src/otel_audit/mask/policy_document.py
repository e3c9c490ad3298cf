"""A published policy read back: to explain what it decided, never to mask by it.

The reverse of :meth:`~otel_audit.mask.policy.MaskPolicy.document`, as far as it goes: a document holds no key, and
of our own recognisers only what tells whether they were others.
"""

from __future__ import annotations

import json
import os
from typing import Any, Final

from otel_audit.errors import ConfigurationError, InputError
from otel_audit.mask.ner.options import NerOptions
from otel_audit.mask.own_recognizers import OwnRecognizer
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.rules import KEY_BYTES, MaskKey, MaskRule
from otel_audit.mask.tags import ModelTag

__all__ = ["read_policy"]

_VERSION: Final = 1
_UNWRITTEN: Final = "examples are not published"


def read_policy(content: bytes) -> MaskPolicy:
    """The policy of a document: which rule decides what, under which key ids. Its keys are random.

    Args:
        content: the document, checked against its fingerprint.

    Raises:
        InputError: it is none, or of a version that is not known here.
    """
    try:
        document = json.loads(content)
        if document["policyVersion"] != _VERSION:
            raise InputError(f"a policy of version {document['policyVersion']!r:.20} is not known here")
        return _policy(document)
    except (ValueError, KeyError, TypeError, AttributeError, ConfigurationError) as error:
        raise InputError("this is no masking policy that is known here") from error


def _policy(document: dict[str, Any]) -> MaskPolicy:
    listed, ner = document["listed"], document.get("ner")
    return MaskPolicy(
        keys=tuple(MaskKey(key_id, os.urandom(KEY_BYTES)) for key_id in document["keys"]),
        rules=tuple(MaskRule(**rule) for rule in document["rules"]),
        models=tuple(ModelTag(**tag) for tag in document["models"]),
        registry=document.get("registry", "none"),
        identity=document["identity"],
        headers=frozenset(document["headers"]),
        pii_outputs=document["piiOutputs"],
        ner=None if ner is None else NerOptions(**{**ner, "fields": tuple(ner["fields"])}),
        listed=None if listed is None else tuple(listed),
        recognizers=tuple(
            OwnRecognizer(**{**own, "keywords": tuple(own["keywords"]), "context": tuple(own["context"])},
                          matches=(_UNWRITTEN,))
            for own in document["ownRecognizers"]
        ),
    )  # fmt: skip
