"""The names that settings may use are those that masking can write."""

from otel_audit.mask.entities import ENTITIES
from otel_audit.mask.ner.options import NAMES
from otel_audit.mask.recognizers import RECOGNIZERS

NOT_RECOGNISED_BUT_WRITTEN = {
    "BASE64", "HEX", "TOKEN", "USER_ID", "NAME", "SESSION", "SUBJECT", *NAMES,
}  # fmt: skip


def test_the_names_are_those_of_the_recognisers_and_of_the_operators():
    assert {recognizer.entity for recognizer in RECOGNIZERS} | NOT_RECOGNISED_BUT_WRITTEN == ENTITIES
