"""Merkle trees over record hashes, as transparency logs build them.

From RFC 6962, section 2.1 (https://www.rfc-editor.org/rfc/rfc6962#section-2.1), with a record's hash as the
data of a leaf:

1. The hash of a leaf is SHA-256(0x00 ‖ record hash), of a node SHA-256(0x01 ‖ left ‖ right): no leaf can be
   passed off as a node.
2. A tree over n > 1 leaves splits at k, the largest power of two smaller than n: the left part is full.
3. The hash of an empty tree is SHA-256 of the empty string.

An inclusion proof ("audit path") is checked as in RFC 9162, section 2.1.3.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from otel_audit.errors import IntegrityError

__all__ = ["MerkleTree", "inclusion_proof", "verify_inclusion"]

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"

_sha256 = hashlib.sha256


class MerkleTree:
    """A tree that grows to the right and keeps O(log n) hashes.

    Attributes:
        size: leaves appended.
    """

    def __init__(self) -> None:
        self.size = 0
        # At index i the root of a full tree of 2**i leaves that waits for its right neighbour. Set for the
        # one bits of size; the higher the index, the further left.
        self._waiting: list[bytes | None] = []

    def extend(self, record_hashes: Iterable[bytes]) -> None:
        """Append leaves, in order.

        Args:
            record_hashes: 32 bytes each.
        """
        nodes = [_sha256(_LEAF + record_hash).digest() for record_hash in record_hashes]
        self.size += len(nodes)
        level = 0
        while nodes:
            if level == len(self._waiting):
                self._waiting.append(None)
            left = self._waiting[level]
            if left is not None:
                nodes.insert(0, left)
            self._waiting[level] = nodes.pop() if len(nodes) % 2 else None
            pairs = iter(nodes)
            nodes = [_sha256(_NODE + a + b).digest() for a, b in zip(pairs, pairs, strict=True)]
            level += 1

    @property
    def root(self) -> bytes:
        """Hash of the tree over all leaves so far, 32 bytes."""
        root: bytes | None = None
        for left in self._waiting:
            if left is not None:
                root = left if root is None else _sha256(_NODE + left + root).digest()
        return _sha256().digest() if root is None else root

    @property
    def records_root(self) -> str:
        """The root as a manifest's ``recordsRoot``: ``sha256:<hex>``."""
        return f"sha256:{self.root.hex()}"


def inclusion_proof(record_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What shows that one record is in a tree, without the other records.

    Args:
        record_hashes: of all records of the tree, in order.
        index: position of the record among them, from 0.

    Returns:
        Hashes of the neighbours on the way from the leaf to the root: at most log2(n), rounded up.
    """
    if not 0 <= index < len(record_hashes):
        raise ValueError(f"there is no record {index} in a tree of {len(record_hashes)}")
    proof: list[bytes] = []
    nodes = [_sha256(_LEAF + record_hash).digest() for record_hash in record_hashes]
    while len(nodes) > 1:
        # The last node of an odd level has no neighbour there and goes up as it is.
        if index ^ 1 < len(nodes):
            proof.append(nodes[index ^ 1])
        lonely = [nodes.pop()] if len(nodes) % 2 else []
        pairs = iter(nodes)
        nodes = [_sha256(_NODE + a + b).digest() for a, b in zip(pairs, pairs, strict=True)] + lonely
        index //= 2
    return proof


def verify_inclusion(
    record_hash: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes, path: str
) -> None:
    """Check that a record is in a tree.

    Args:
        record_hash: of the record, 32 bytes.
        index: its position in the tree, from 0.
        size: leaves of the tree.
        proof: what :func:`inclusion_proof` gave.
        root: of the tree, 32 bytes.
        path: of the manifest that names the root, for the error.

    Raises:
        IntegrityError: the proof does not lead from this record at this place to this root.
    """
    if not 0 <= index < size:
        raise IntegrityError(f"there is no record {index} in a tree of {size}", path=path)
    at, last = index, size - 1
    node = _sha256(_LEAF + record_hash).digest()
    for neighbour in proof:
        if last == 0:
            raise IntegrityError("the inclusion proof is too long", path=path)
        if at % 2 or at == last:
            node = _sha256(_NODE + neighbour + node).digest()
            while at % 2 == 0 and at:
                at, last = at >> 1, last >> 1
        else:
            node = _sha256(_NODE + node + neighbour).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise IntegrityError("the inclusion proof is too short", path=path)
    if node != root:
        raise IntegrityError(
            f"the inclusion proof leads to {node.hex()}, the manifest says {root.hex()}", path=path
        )
