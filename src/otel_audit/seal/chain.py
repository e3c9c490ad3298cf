"""Following the chain of manifests of one writer at one destination."""

from __future__ import annotations

from otel_audit.errors import IntegrityError
from otel_audit.seal.manifest import Manifest, fingerprint, parse

__all__ = ["Chain"]


class Chain:
    """A chain as far as it has been followed, from its first manifest on.

    Attributes:
        last: the manifest followed last; None at the start.
        fingerprint: ``sha256:<hex>`` of its bytes.
    """

    def __init__(self) -> None:
        self.last: Manifest | None = None
        self.fingerprint: str | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the writer said that nothing follows. If not, the end of the chain is unknown."""
        return self.last is not None and self.last.closes

    def follow(self, content: bytes, *, path: str) -> Manifest:
        """Judge the next manifest and take it into the chain.

        Args:
            content: its bytes.
            path: where they were, relative to the destination.

        Returns:
            The manifest.

        Raises:
            InputError: a newer version wrote it.
            IntegrityError: it is no manifest or does not follow the one before; the chain stays as it was.
        """
        manifest = parse(content, path=path)
        last = self.last
        if last is None:
            if manifest.commit != 1:
                raise IntegrityError(f"the chain begins with commit {manifest.commit}", path=path)
        else:
            _check_successor(last, self.fingerprint, manifest, path)
        self.last, self.fingerprint = manifest, fingerprint(content)
        return manifest


def _check_successor(last: Manifest, last_fingerprint: str | None, next_: Manifest, path: str) -> None:
    if last.closes:
        raise IntegrityError(f"commit {last.commit} closed the chain", path=path)
    if (next_.writer, next_.stream) != (last.writer, last.stream):
        raise IntegrityError(f"not of the chain of {last.writer} in {last.stream}", path=path)
    if next_.commit != last.commit + 1:
        raise IntegrityError(f"commit {next_.commit} after commit {last.commit}", path=path)
    if next_.previous != last_fingerprint:
        raise IntegrityError(
            f"previous is {next_.previous}, commit {last.commit} is {last_fingerprint}", path=path
        )
    if next_.first_sequence != last.last_sequence + 1:
        raise IntegrityError(
            f"begins with sequence {next_.first_sequence}, the one before ends with {last.last_sequence}",
            path=path,
        )
