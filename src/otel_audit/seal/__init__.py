"""Proof that what was written is still there: Merkle trees over records, and the chain of manifests.

Both sides of the log share this room: the write side builds manifests, the read side parses and follows them.
It imports the record, paths and errors, nothing else.
"""
