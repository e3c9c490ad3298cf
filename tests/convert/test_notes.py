"""The vocabulary of notes is closed and complete."""

from __future__ import annotations

from otel_audit.convert import notes

KEYS = {"NOTES", "PARTITIONED_BY", "DUPLICATE_OF", "RECEIVED"}


def test_every_word_that_the_module_names_is_in_the_vocabulary() -> None:
    words = {
        value
        for name, value in vars(notes).items()
        if name.isupper() and isinstance(value, str) and name not in KEYS
    }
    assert words == notes.VOCABULARY


def test_reserved_keys_are_those_that_we_write() -> None:
    assert {"audit.notes", "audit.partitioned_by", "audit.duplicate_of"} == notes.RESERVED
