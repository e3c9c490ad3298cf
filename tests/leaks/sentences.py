"""Each planted value as people and programs write it."""

from __future__ import annotations

from leaks.planted import (
    API_KEY,
    BASIC,
    CARD,
    EMAIL,
    IBAN,
    JWT,
    OPAQUE,
    OPENAI_KEY,
    PASSWORD,
    PHONE,
    SESSION,
    SSN,
    TOKEN,
)

SENTENCES = {
    EMAIL: f"bad thing for {EMAIL.text}",
    CARD: f"charged card {CARD.text}.",
    PHONE: f"phone {PHONE.text}. Where is my order?",
    SSN: f"of {SSN.text}",
    IBAN: f"to {IBAN.text} today",
    PASSWORD: f"postgres://bob:{PASSWORD.text}@db:5432/x",
    TOKEN: f"http://127.0.0.1:8822/v1/items/9?token={TOKEN.text}&sig=REDACTED",
    SESSION: f"session={SESSION.text}; HttpOnly",
    API_KEY: f"x-api-key: {API_KEY.text}",
    JWT: f"Bearer {JWT.text}",
    BASIC: f"Basic {BASIC.text}",
    OPENAI_KEY: f"Incorrect API key provided: {OPENAI_KEY.text}",
    OPAQUE: f"Authorization: ApiKey {OPAQUE.text}",
}
