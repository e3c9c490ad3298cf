"""Values that never show themselves."""

from __future__ import annotations

from collections.abc import Callable

from otel_audit.errors import ConfigurationError
from otel_audit.kms.causes import DecryptionError
from otel_audit.kms.url import KmsUrl, parse_kms_url

__all__ = ["DecryptedSecret", "Secret", "decrypted_secret"]


class Secret:
    """A value that never shows itself: its text is had only through :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The secret itself. Never log, format or raise it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


class DecryptedSecret(Secret):
    """A value that a key management service decrypts: asked once, when it is first needed.

    Two of them are equal when the same ciphertext is decrypted with the same key; nobody is asked for that.

    Args:
        url: of the service and the key.
        ciphertext: what is decrypted.
    """

    __slots__ = ("_revealed", "url")

    def __init__(self, url: KmsUrl, ciphertext: bytes) -> None:
        super().__init__(ciphertext)
        self.url = url
        self._revealed: bytes | None = None

    def reveal(self) -> bytes:
        """The secret itself.

        Raises:
            ConfigurationError: it cannot be decrypted.
        """
        if self._revealed is None:
            # What starts processes is not loaded for those who need none.
            from otel_audit.kms.decryption import decrypted  # noqa: PLC0415

            try:
                self._revealed = decrypted(self.url, self._value)
            except DecryptionError as error:
                raise ConfigurationError(
                    f"a secret that {self.url.name} is to decrypt could not be had: {error}{_remedy(self.url, error)}"
                ) from None
        return self._revealed

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecryptedSecret) and (other.url, other._value) == (self.url, self._value)

    def __hash__(self) -> int:
        return hash((self.url, self._value))


def decrypted_secret(text: str, read: Callable[[str], bytes]) -> DecryptedSecret:
    """A secret by the URL of its encrypted data key. Asks nobody.

    Args:
        text: the URL.
        read: gives what ``env:NAME`` or ``file:/path`` holds.

    Raises:
        ValueError: it is no such URL.
        ConfigurationError: there is no such variable or file.
    """
    url = parse_kms_url(text)
    return DecryptedSecret(url, read(url.ciphertext))


def _remedy(url: KmsUrl, error: DecryptionError) -> str:
    if error.cause == "client-missing":
        return f': pip install "otel-audit[{url.service}]"'
    return ""
