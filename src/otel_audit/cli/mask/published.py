"""``otel-audit mask policy``; and policies of a log, for the commands that ask for one by its fingerprint."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from otel_audit.cli.options import destination_option
from otel_audit.cli.sources import open_sources
from otel_audit.config import load
from otel_audit.config.build import mask_policy
from otel_audit.errors import InputError, Missing
from otel_audit.query.policies import PolicyReader

__all__ = ["policy", "published"]


@click.command(name="policy")
@click.argument("fingerprint", required=False)
@destination_option
def policy(*, fingerprint: str | None, destination: str | None) -> None:
    """Print a masking policy, without keys.

    FINGERPRINT is what masking.policy of a record and maskingPolicy of a manifest say, or its first digits; the
    policy is read from _audit/policies/ of the log and checked against it. Without one, the policy of the settings
    in force is printed: SHA-256 of the output is its fingerprint.

    Exit code 1 if there is no such policy, or another one stands in its place.
    """
    content = mask_policy(load({})).content if fingerprint is None else published(fingerprint, destination)
    sys.stdout.buffer.write(content)


def published(fingerprint: str, destination: str | None) -> bytes:
    """The policy of a fingerprint, or of the first digits of one, from whatever destination of the log has it.

    Args:
        fingerprint: ``sha256:<hex>``, or what it begins with.
        destination: URL as given; None: as configured.

    Raises:
        InputError: no destination has it.
        IntegrityError: another one stands in its place.
        StoreError: a destination cannot be read.
    """
    with open_sources(destination, ()) as sources:
        return next(_found(fingerprint, [PolicyReader(store) for store, _ in sources.stores]))


def _found(fingerprint: str, readers: list[PolicyReader]) -> Iterator[bytes]:
    said: InputError | None = None
    for reader in readers:
        try:
            whole = reader.find(fingerprint)
            yield reader.read(whole)
        except InputError as error:
            said = error
        except Missing:
            continue
    raise said or InputError("no destination has this policy")
