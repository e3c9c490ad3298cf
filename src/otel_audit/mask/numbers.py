"""Numbers in groups of digits: social security numbers and IPv4 addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from otel_audit.mask.candidates import SSN_WORDS, Run, before, is_fraction, is_glued

__all__ = ["ipv4", "us_ssn"]

# --- social security numbers -----------------------------------------------------------------------------

_names_ssn: Final = before(64, SSN_WORDS + b"[^0-9]{0,40}")
_SSN_GAPS: Final = frozenset(
    {b"", b"-", b" ", b".", b"/", b"_", b"--", b"- ", b" -", b"  ", b"\t", b"\n", b"+"}
)


def us_ssn(run: Run) -> Iterator[tuple[int, int]]:
    """US social security numbers and ITINs: three, two, four digits, or nine digits with a word for them."""
    text, groups = run.text, run.groups
    for index, (start, group_end) in enumerate(groups):
        end = group_end
        parted = end - start == 3
        if end - start == 9:
            area, middle, serial = text[start : start + 3], text[start + 3 : start + 5], text[start + 5 : end]
        elif parted and index + 2 < len(groups):
            gap = run.gap(index)
            middle, serial = (text[low:high] for low, high in groups[index + 1 : index + 3])
            if len(middle) != 2 or len(serial) != 4 or gap not in _SSN_GAPS or run.gap(index + 1) != gap:
                continue
            # One more group in the same manner makes another number of it.
            if (index and run.gap(index - 1) == gap) or (
                index + 3 < len(groups) and run.gap(index + 2) == gap
            ):
                continue
            area, end = text[start:end], groups[index + 2][1]
        else:
            continue
        if not _is_issued(area, middle, serial) or is_glued(text, start, end) or is_fraction(text, start):
            continue
        if parted or _names_ssn(text, start):
            yield start, end


def _is_issued(area: bytes, middle: bytes, serial: bytes) -> bool:
    """Whether the Social Security Administration, or the IRS for an ITIN, gives out such numbers."""
    if area[:1] == b"9":
        return middle >= b"50"
    return area not in (b"000", b"666") and middle != b"00" and serial != b"0000"


# --- IPv4 addresses --------------------------------------------------------------------------------------

_PRODUCT: Final = re.compile(rb"(?:\A|[\s(;,\"'])[A-Za-z][A-Za-z0-9_.\-]*/\Z")
_VERSION: Final = re.compile(rb"(?i)(?:version|ver|release|build|rev|rv|chapter|section)[^0-9a-z]{0,4}\Z")
_MAX_OCTET: Final = 255


def ipv4(run: Run) -> Iterator[tuple[int, int]]:
    """IPv4 addresses that can belong to a person: not loopback, not unspecified, not a version."""
    text, groups = run.text, run.groups
    if text.count(b".", groups[0][0], groups[-1][1]) < 3:
        return
    for first in range(len(groups) - 3):
        if not run.gap(first) == run.gap(first + 1) == run.gap(first + 2) == b".":
            continue
        start, end = groups[first][0], groups[first + 3][1]
        octets = [int(text[low:high]) for low, high in groups[first : first + 4] if high - low <= 3]
        if len(octets) < 4 or max(octets) > _MAX_OCTET or octets[0] == 127 or not any(octets):
            continue
        if (first and run.gap(first - 1) == b".") or (text[start - 1 : start].isalnum() and start):
            continue
        behind = text[end : end + 2]
        if behind[:1].isalnum() or (
            behind[:1] in (b".", b"-") and behind[1:].isalnum() and not _is_range(behind)
        ):
            continue
        if _PRODUCT.search(text[max(0, start - 64) : start]) or _VERSION.search(
            text[max(0, start - 16) : start]
        ):
            continue
        yield start, end


def _is_range(behind: bytes) -> bool:
    return behind[:1] == b"-" and behind[1:].isdigit()
