"""Keys in ``attributes`` that are ours: what we say about a record, as opposed to what it says itself.

Conversion renames them where a span or log event brings one, so that nobody can forge a note, and the
content tag leaves them out, so that a note makes no other record of a copy.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DUPLICATE_OF", "NOTES", "OBSERVED", "OWN_KEYS", "PARTITIONED_BY"]

NOTES: Final = "audit.notes"
"""What was odd about the input: a sorted list of words of a closed vocabulary."""

PARTITIONED_BY: Final = "audit.partitioned_by"
"""Which time chose the partition, where it is not the event's."""

OBSERVED: Final = "observed"
"""Value of :data:`PARTITIONED_BY`: the event's time was not believed, so the observed time chose."""

DUPLICATE_OF: Final = "audit.duplicate_of"
"""Record id of which this record is a differing copy."""

OWN_KEYS: Final = frozenset({NOTES, PARTITIONED_BY, DUPLICATE_OF})
