"""Values to plant, each of a kind that one recogniser alone finds."""

from __future__ import annotations

from dataclasses import dataclass

from leaks.oracle import Oracle
from leaks.planted import Planted


@dataclass(frozen=True)
class Sample:
    """A value, a sentence around it, and what of it must not be found."""

    recognizer: str
    value: str
    sentence: str
    planted: Planted

    @property
    def text(self) -> str:
        return self.sentence.format(self.value)

    def can_be_read_in(self, text: str) -> bool:
        """Whether the oracle reads anything of the value in a text."""
        return any(Oracle([self.planted]).leaks([("", text)]))


def _number(recognizer: str, value: str, sentence: str) -> Sample:
    return Sample(recognizer, value, sentence, Planted(recognizer, "number", value))


def _secret(recognizer: str, value: str, sentence: str = "use {} for it") -> Sample:
    return Sample(recognizer, value, sentence, Planted(recognizer, "secret", value))


SAMPLES = (
    Sample(
        "email",
        "rosa.klebb@example.com",
        "Write to {} soon.",
        Planted("email", "address", "rosa.klebb@example.com"),
    ),
    _number("credit-card", "5424 1803 2769 4516", "pay with {} please"),
    _number("parted-credit-card", "5424|1803|2769|4516", "pay with {} please"),
    _number("iban", "DE89370400440532013000", "transfer to {} today"),
    _number("us-ssn", "536-90-4399", "mine is {} as you know"),
    _number("phone", "+49 30 901820-33", "ring {} after nine"),
    _number("ipv4", "203.0.113.77", "seen from {} at noon"),
    _number("national-id", "971013-9019902", "his is {} as you know"),
    _secret("national-id-with-letters", "RCCMNL83S18D969H", "hers is {} as you know"),
    _number("passport", "533380006", "my passport number is {} as you know"),
    _secret("driver-licence", "LH329609TX", "my driver's license number is {} as you know"),
    _number("date-of-birth", "23/11/1940", "she was born on {} in Leeds"),
    _secret("mac-address", "3c:22:fb:4a:9d:1e", "card {} joined"),
    _secret("bitcoin-address", "1NEDqZPvTWRaoho48qXuLLsrYomMXPABfD", "paid to {} yesterday"),
    _secret("ethereum-address", "0x52908400098527886E0F7030069857D2E4169EE7", "paid to {} yesterday"),
    _number("gps", "48.858370, 2.294481", "seen at GPS: {} yesterday"),
    _secret("ipv6", "2001:db8:85a3::8a2e:370:7334", "seen from {} at noon"),
    _secret("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJhIjoiYiJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"),
    _secret("private-key", "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END PRIVATE KEY-----", "{}"),
    _secret("aws-access-key-id", "AKIAIOSFODNN7EXAMPLE"),
    _secret("gcp-api-key", "AIzaSyA1234567890abcdefghijklmnopqrstuv"),
    _secret("azure-secret", "abc8Q~defghijklmnopqrstuvwxyz0123456789"),
    _secret("github-token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    _secret("gitlab-token", "glpat-abcDEF123456ghiJKL78"),
    _secret("slack-token", "xoxb-abcdefGHIJKLmnop"),
    _secret("stripe-key", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    _secret("anthropic-key", "sk-ant-apizz-qwertzuiop"),
    _secret("openai-key", "sk-proj-FAKESECRETKEY0123"),
    _secret("package-registry-token", "hf_abcdefghijklmnopqrstuvwxyz012345"),
    _secret("url-credentials", "bob:hunter2xyz", "see http://{}@localhost/x"),
    _secret("bearer-token", "abc123def456", "it said Bearer {} there"),
    _secret("basic-credentials", "Ym9iOmh1bnRlcjJ4eXo=", "it said Basic {} there"),
    _secret("header-line", "plainsecretvalue", "Authorization: ApiKey {}"),
    _secret("spoken-secret", "Tr0ub4dor3x", "my password is {} since today"),
    _secret("named-secret", "correct9horse", "password={} it was"),
    _secret("model-provider-key", "gsk_abcdefghijABCDEFGHIJ0123456789abcdefghij"),
    _secret("platform-token", "dapi0123456789abcdef0123456789abcdef"),
    _secret("service-token", "SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg"),
    _secret("command-line-secret", "korrektpferd", "run curl -u jane:{} https://shop.example to see"),
    _secret("secret-element", "korrektpferd", "it had <password>{}</password> in it"),
    _secret("one-time-code", "493 021 77", "your one-time code is {} today"),
)

BY_NAME = {sample.recognizer: sample for sample in SAMPLES}
