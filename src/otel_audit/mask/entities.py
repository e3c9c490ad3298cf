"""Names of what can stand in a token of ours.

A module of its own, so that settings can be checked without loading a recogniser; a test holds it to the table
of recognisers.
"""

from typing import Final

ENTITIES: Final = frozenset(
    {
        "API_KEY", "BASE64", "CREDENTIAL", "CREDIT_CARD", "CRYPTO_ADDRESS", "DATE_OF_BIRTH", "DRIVER_LICENSE",
        "EMAIL", "GPS", "HEX", "IBAN", "IP_ADDRESS", "JWT", "LOCATION", "MAC_ADDRESS", "NAME", "NATIONAL_ID",
        "PASSPORT", "PERSON", "PHONE", "PRIVATE_KEY", "SESSION", "SUBJECT", "TOKEN", "USER_ID", "US_SSN",
    }
)  # fmt: skip
