"""Merkle trees against the vectors of the RFC 6962 reference implementation and a second implementation."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_audit.errors import IntegrityError
from otel_audit.seal.merkle import MerkleTree, inclusion_proof, verify_inclusion

# certificate-transparency, cpp/merkletree/merkle_tree_test.cc (Apache-2.0): leaf data and the roots of the
# trees over the first 1 to 8 of them.
REFERENCE_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"
    )
]  # fmt: skip
REFERENCE_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
EMPTY_ROOT = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

RECORD_HASHES = st.lists(st.binary(min_size=32, max_size=32), max_size=70)


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + root_by_definition(leaves[:k]) + root_by_definition(leaves[k:])).digest()


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, word for word."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*path_by_definition(index, leaves[:k]), root_by_definition(leaves[k:])]
    return [*path_by_definition(index - k, leaves[k:]), root_by_definition(leaves[:k])]


@pytest.mark.parametrize("size", range(1, 9))
def test_reference_vectors(size: int) -> None:
    tree = MerkleTree()
    tree.extend(REFERENCE_LEAVES[:size])
    assert tree.root.hex() == REFERENCE_ROOTS[size - 1]


def test_the_empty_tree() -> None:
    assert MerkleTree().root.hex() == EMPTY_ROOT
    assert MerkleTree().records_root == f"sha256:{EMPTY_ROOT}"


@settings(deadline=None)
@given(RECORD_HASHES, st.data())
def test_leaves_may_come_in_any_portions(leaves: list[bytes], data: st.DataObject) -> None:
    tree, at = MerkleTree(), 0
    while at < len(leaves):
        step = data.draw(st.integers(0, len(leaves) - at))
        tree.extend(iter(leaves[at : at + step]))
        at += step
        assert tree.size == at
        assert tree.root == root_by_definition(leaves[:at])
        if step == 0:
            tree.extend(leaves[at : at + 1])
            at += 1
    assert tree.root == root_by_definition(leaves)


def test_memory_grows_with_the_logarithm() -> None:
    tree = MerkleTree()
    for start in range(0, 100_000, 1000):
        tree.extend(start.to_bytes(32, "big") for start in range(start, start + 1000))
    assert tree.size == 100_000
    assert len(tree._waiting) == (100_000).bit_length()


@settings(deadline=None)
@given(RECORD_HASHES.filter(bool), st.data())
def test_inclusion_proofs(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    proof = inclusion_proof(leaves, index)
    assert proof == path_by_definition(index, leaves)
    verify_inclusion(
        leaves[index], index=index, size=len(leaves), proof=proof, root=root_by_definition(leaves), path="m"
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13])
def test_a_proof_proves_nothing_else(size: int) -> None:
    leaves = [bytes([number]) * 32 for number in range(size)]
    root = root_by_definition(leaves)
    for index in range(size):
        good = {"index": index, "size": size, "proof": inclusion_proof(leaves, index), "root": root}
        verify_inclusion(leaves[index], **good, path="m")
        proof = good["proof"]
        bad = [
            {**good, "root": bytes(32)},
            {**good, "proof": [*proof, bytes(32)]},
            {**good, "index": size},
            {**good, "index": -1},
            *({**good, "index": other} for other in range(size) if other != index),
            *({**good, "proof": [*proof[:at], bytes(32), *proof[at + 1 :]]} for at in range(len(proof))),
            *([{**good, "proof": proof[:-1]}] if proof else []),
        ]
        for arguments in bad:
            with pytest.raises(IntegrityError, match=r"^m: "):
                verify_inclusion(leaves[index], **arguments, path="m")
        with pytest.raises(IntegrityError, match="the manifest says"):
            verify_inclusion(b"\xff" * 32, **good, path="m")


def test_a_node_is_no_leaf() -> None:
    left, right = (bytes([number]) * 32 for number in (1, 2))
    inner = hashlib.sha256(b"\x00" + left).digest() + hashlib.sha256(b"\x00" + right).digest()
    forged = MerkleTree()
    forged.extend([inner])
    assert forged.root != root_by_definition([left, right])


def test_no_proof_of_a_record_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="no record 2 in a tree of 2"):
        inclusion_proof([bytes(32), bytes(32)], 2)
