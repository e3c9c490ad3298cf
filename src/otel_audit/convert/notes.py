"""What a record says about how it came to be: the closed vocabulary of ``attributes["audit.notes"]``.

Notes tell that something was odd, never what it held. The keys below are ours: where a span or log event
brings one of them, it is renamed, so that nobody can forge a note.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DUPLICATE_OF", "NOTES", "PARTITIONED_BY", "RECEIVED", "RESERVED", "VOCABULARY"]

NOTES: Final = "audit.notes"
"""Attribute: sorted list of words of :data:`VOCABULARY`."""

PARTITIONED_BY: Final = "audit.partitioned_by"
"""Attribute: ``observed`` where the partition is that of the observed time."""

DUPLICATE_OF: Final = "audit.duplicate_of"
"""Attribute: the record id of which this record is a differing copy."""

RESERVED: Final = frozenset({NOTES, PARTITIONED_BY, DUPLICATE_OF})

RECEIVED: Final = "received."
"""Put before a reserved key that came from outside."""

BODY_BEYOND_MEMORY: Final = "body-beyond-memory"
"""A captured body was not kept, since all of them together would have taken more than ``capture.memory_max_bytes``."""
BODY_SENT_AS_FILE: Final = "body-sent-as-file"
"""The server sent a file by itself (``wsgi.file_wrapper``, ``http.response.pathsend``), which nobody else sees."""
BODY_UNDECODABLE: Final = "body-undecodable"
"""A captured body could not be read: its content encoding is unknown or not what it says."""
CHARSET: Final = "charset-replaced"
"""A captured body is not in the character set that it says; what could not be read is now U+FFFD."""
CONTENT_OFF: Final = "content-off"
"""Content was left out because the setting ``content`` is ``off``."""
CONTENT_INCOMPLETE: Final = "content-incomplete"
"""Messages or parts between others are missing: a limit had dropped the attributes that held them."""
CONTENT_UNREADABLE: Final = "content-unreadable"
"""Messages, tool arguments or a body could not be read, since a limit has cut their JSON; kept as text."""
CONVERSION_FAILED: Final = "conversion-failed"
"""Only ids, times and name could be read; the rest of the span is lost."""
DUPLICATE_KEY: Final = "duplicate-key"
"""An attribute came more than once; later ones are kept under ``key#2`` …"""
DURATION_TOO_LONG: Final = "duration-too-long"
"""The span lasted longer than 2^53 - 1 ns (104 days); it has no duration."""
END_BEFORE_START: Final = "end-before-start"
"""The span ended before it started; it has no duration."""
END_MISSING: Final = "end-missing"
"""The span has no end or one outside of 64 bits; it has no duration."""
FIELDS_LEFT_OUT: Final = "fields-left-out"
"""A captured form had more than 10,000 fields, or more than 1,000 parts; those behind them are left out."""
ID_MALFORMED: Final = "id-malformed"
"""A trace or span id is missing, empty, of another length, all zero or not hexadecimal."""
IDENTITY_CUT: Final = "identity-cut"
"""An identity value was longer than 256 characters and has been cut there."""
IDENTITY_WITHHELD: Final = "identity-withheld"
"""Names, e-mail addresses or roles of a user were left out, since ``identity.fields`` does not list them."""
NAME_UNSAFE: Final = "name-unsafe"
"""An event name or operation is outside of the vocabulary; it is kept among the attributes."""
NON_FINITE: Final = "non-finite-number"
"""NaN or an infinity is written as text."""
NUMBER_AS_TEXT: Final = "number-as-text"
"""An integer beyond 2^53 - 1 is written as text."""
PROOF_HELD: Final = "proof-held"
"""The record carried a proof by a trusted key, and it held when the sink took it, before masking."""
RESERVED_KEY: Final = "reserved-key"
"""An attribute had one of our own note keys; it is kept under ``received.``."""
START_MISSING: Final = "start-missing"
"""The span has no start or one outside of 64 bits; its time is the observed time."""
SURROGATES: Final = "surrogates-replaced"
"""Text held lone surrogates; each is now U+FFFD."""
TOO_DEEP: Final = "nested-too-deeply"
"""Levels beyond 48 are cut."""
WRONG_TYPE: Final = "wrong-type"
"""A known attribute has a type that its field cannot take; it is kept among the attributes."""

VOCABULARY: Final = frozenset(
    {
        BODY_BEYOND_MEMORY, BODY_SENT_AS_FILE, BODY_UNDECODABLE, CHARSET, FIELDS_LEFT_OUT,
        CONTENT_INCOMPLETE, CONTENT_OFF, CONTENT_UNREADABLE, CONVERSION_FAILED, DUPLICATE_KEY,
        DURATION_TOO_LONG, END_BEFORE_START, END_MISSING,
        ID_MALFORMED, IDENTITY_CUT, IDENTITY_WITHHELD, NAME_UNSAFE, NON_FINITE, NUMBER_AS_TEXT, PROOF_HELD,
        RESERVED_KEY, START_MISSING, SURROGATES, TOO_DEEP, WRONG_TYPE,
    }
)  # fmt: skip
"""Every word that may stand in ``audit.notes``."""
