"""Fields that say who: written as they are unless the policy says otherwise, or as pseudonyms only.

``user``, ``userClaims``, ``onBehalfOf``, ``source`` and ``sender`` are of the first kind. ``session``,
``subjects``, ``auth.sessionId`` and ``auth.credentialId`` are of the second: without a key they are withheld.
"""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from otel_audit.mask.arrow import Column
from otel_audit.mask.columns import Place, Verdicts, rebuild
from otel_audit.mask.evidence import Evidence
from otel_audit.mask.facts import Facts
from otel_audit.mask.policy import MaskPolicy
from otel_audit.mask.scribe import Scribe
from otel_audit.record.schema import FIELDS, Treatment

__all__ = ["PSEUDONYM_FIELDS", "mask_identity"]

PSEUDONYM_FIELDS: Final = {
    "session": "SESSION",
    "subjects": "SUBJECT",
    "auth.sessionId": "SESSION",
    "auth.credentialId": "CREDENTIAL",
}
"""Fields that hold pseudonyms only, and the type that these have."""

_IDENTITY_FIELDS: Final = {
    "user.id": "USER_ID",
    "user.name": "NAME",
    "user.email": "EMAIL",
    "userClaims.id": "USER_ID",
    "onBehalfOf.id": "USER_ID",
    "source.id": "IP_ADDRESS",
    "sender.id": "USER_ID",
    "sender.address": "IP_ADDRESS",
}
_PERSONS: Final = frozenset({"user.id", "user.name", "user.email", "userClaims.id", "onBehalfOf.id"})
"""Fields that ``MaskPolicy.identity`` is about."""

_POLICY_COLUMNS: Final = tuple(field.name for field in FIELDS if field.treatment is Treatment.POLICY)
_PSEUDONYM_COLUMNS: Final = tuple(dict.fromkeys(name.partition(".")[0] for name in PSEUDONYM_FIELDS))

NO_KEY: Final = "no-key"
"""Reason in ``masking.dropped``: a pseudonym was due and there is no key."""


def mask_identity(columns: dict[str, Column], policy: MaskPolicy, evidence: Evidence, facts: Facts) -> None:
    """Masks the fields above.

    Args:
        columns: of a batch, by name; changed in place.
        policy: decides.
        evidence: is told.
        facts: of the records.
    """
    visitor = _IdentityMasker(policy, evidence, facts)
    for name in _POLICY_COLUMNS:
        if policy.identity != "keep" or any(rule.may_concern(name) for rule in policy.rules):
            columns[name] = rebuild(columns[name], Place(name), visitor)
    for name in _PSEUDONYM_COLUMNS:
        columns[name] = rebuild(columns[name], Place(name), visitor)
    if not policy.keys and columns["subjects"].null_count < len(columns["subjects"]):
        # A list of nothing but nulls says how many persons were meant; nothing of it is left.
        columns["subjects"] = pa.nulls(len(columns["subjects"]), columns["subjects"].type)


class _IdentityMasker:
    """Replaces whole values."""

    def __init__(self, policy: MaskPolicy, evidence: Evidence, facts: Facts) -> None:
        self._policy, self._evidence, self._facts = policy, evidence, facts

    def strings(self, array: Column, place: Place) -> Column:
        if array.null_count == len(array):
            return array
        if place.field in PSEUDONYM_FIELDS:
            return self._pseudonyms(array, place, PSEUDONYM_FIELDS[place.field])
        if place.field in _IDENTITY_FIELDS:
            return self._persons(array, place, _IDENTITY_FIELDS[place.field])
        return array

    def keys(self, array: Column, place: Place) -> Column:
        return array

    def verdicts(self, array: Column, field: str) -> Verdicts | None:
        return None

    def _pseudonyms(self, array: Column, place: Place, entity: str) -> Column:
        new: list[str | None] = array.to_pylist()
        for entry, value in enumerate(new):
            if value is None:
                continue
            row = place.row(entry)
            if not self._policy.keys:
                self._evidence.withheld(row, place.field, NO_KEY)
                new[entry] = None
            else:
                scribe = Scribe(self._policy, self._evidence, row, self._facts.of(row))
                new[entry] = scribe.whole(value, entity, "hash", place.path(entry))
        return pa.array(new, pa.string())

    def _persons(self, array: Column, place: Place, entity: str) -> Column:
        policy = self._policy
        new: list[str | None] = array.to_pylist()
        for entry, value in enumerate(new):
            if value is None or value in ("anonymous", "unknown"):
                continue
            row, path = place.row(entry), place.path(entry)
            facts = self._facts.of(row)
            rule = next(
                (
                    rule
                    for rule in policy.rules
                    if rule.entity in (None, entity) and rule.concerns(path, facts)
                ),
                None,
            )
            operator = rule.operator if rule else policy.identity if place.field in _PERSONS else "keep"
            if operator == "keep":
                continue
            if operator == "drop":
                self._evidence.withheld(row, path, "policy")
                new[entry] = None
            else:
                scribe = Scribe(policy, self._evidence, row, facts)
                new[entry] = scribe.whole(value, entity, operator, path)
        return pa.array(new, pa.string())
