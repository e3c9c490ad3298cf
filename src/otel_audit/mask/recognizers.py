"""What personal data and credentials look like: one table.

Rules:

1. Patterns are RE2 over bytes (UTF-8), of bounded size; they see decoded text, with the name of its key and
   ``": "`` in front.
2. What is masked is what the validator yields, else the first group that took part, else the match.
3. Every entry belongs to a family that says which trigger lets text through to it; an entry of the family
   OTHER brings triggers of its own. A trigger must match, in raw or JSON-escaped form, wherever the entry
   could find something.
4. Examples are part of the entry and run as tests.

Formats of keys are those that their issuers document for secret scanning.
"""

from __future__ import annotations

from typing import Final

from otel_audit.mask import candidates, cards, credentials, numbers, phones, validators
from otel_audit.mask.recognizer import Family, Recognizer

__all__ = ["DIGIT_RUN", "NUMBER_RUN", "PLAIN_NUMBER", "RECOGNIZERS"]


PLAIN_NUMBER: Final = b"0123456789" + candidates.GAP_SIGNS
"""Bytes that numbers are written with."""

_SEPARATORS: Final = rb"[ \-./_,+\t\r\n]{0,2}"
_DIGIT_SEPARATOR: Final = rb"(?:[ \-./()_,+\t\r\n]|\\+[nrt/]|[\x80-\xff]){0,12}"
_COUNTRIES: Final = "|".join(validators.IBAN_COUNTRIES).encode()

# Digits behind a hexadecimal letter are of an id, unless the letter ends a label, an escape or a country.
_NUMBER_START: Final = (
    rb"(?:^|[^0-9a-f]|\\[bf]|(?i:card|cc|phone|mobile|"
    + b"|".join(code.encode() for code in validators.IBAN_COUNTRIES if code[1] in "ABCDEF")
    + b"))"
)
DIGIT_RUN: Final = _NUMBER_START + b"[0-9](?:" + _DIGIT_SEPARATOR + rb"[0-9]){8,}(?:[^0-9a-f]|ext|\z)"
"""RE2: nine digits and more, with what stands directly before and behind."""
DOTTED_QUAD: Final = rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"

NUMBER_RUN: Final = rb"[0-9](?:[ \-./()_,+\t\r\n]{0,3}[0-9]){3,}"
"""RE2: groups of digits with at most three signs between any two; four digits and more."""

# Of the words for phones the beginnings; the trigger may match more.
_PHONE_WORDS: Final = (
    b"(?:phone|tele|tel|mobile|cell|call|fax|dial|sms|whatsapp|hotline|answering|reach|contact|handy"
    b"|t\xc3\xa9l|m\xc3\xb3vil)"
)
_SHORT_RUN: Final = b"[0-9](?:" + _DIGIT_SEPARATOR + b"[0-9]){5,}"

RECOGNIZERS: Final[tuple[Recognizer, ...]] = (
    Recognizer(
        "email", "EMAIL",
        rb"""(?:[A-Za-z0-9\x80-\xff._+'\-]+|"[^"@\s]{1,64}")@"""
        rb"(?:(?:[A-Za-z0-9\x80-\xff](?:[A-Za-z0-9\x80-\xff\-]*)\.)+[A-Za-z\x80-\xff][A-Za-z0-9\x80-\xff\-]+"
        rb"|\[[0-9A-Fa-f.:]+\])",
        ("Write to jane.doe+x@example.co.uk.", "o'brien@example.com", "пётр@пример.рф", "jane@xn--bcher-kva.example",
         "mail=jane@example.com&x=1", "请联系jane@example.com谢谢", "/users/jane@example.com/orders"),
        ("logo@2x.png", "@property", "me @ home", "user@localhost", "pkg@1.2.3"),
        Family.AT, validate=validators.email, literals=(b"@",),
    ),
    Recognizer(
        "url-credentials", "CREDENTIAL",
        rb"""://([^\s/?#"'<>\\]+)@[^\s/?#"'<>\\@]*""",
        ("http://bob:hunter2@example.com/x", "postgres://app:p%40ss@db:5432/x", "https://x-token@git.example/r"),
        ("https://example.com/@jane", "http://example.com?x=@y"),
        Family.AT, literals=(b"://",), secret=True, claims=True,
    ),
    Recognizer(
        "credit-card", "CREDIT_CARD",
        NUMBER_RUN,
        ("4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "card 4222222222222", "6011.0009.9013.9424",
         "30569309025904", "Zip 75001 4111 1111 1111 1111", "6304000000000000", "41111111 11111111"),
        ("4111 1111 1111 1112", "1763748256394044809", "order 4539578763621486", "0.4539578763621486",
         "7bdfa8a7745395787636214862d10dc5", "4006381333931"),
        Family.NUMBER, runs=cards.credit_card, least_digits=12,
    ),
    Recognizer(
        "parted-credit-card", "CREDIT_CARD", cards.PARTED_CARD,
        ("4111:1111:1111:1111", "no 5500 | 0000 | 0000 | 0004", "3782\u00b7822463\u00b710005",
         "2024;4111;1111;1111;1111"),
        ("4111:1111:1111:1112", "4111:1111|1111:1111", "a4111*1111*1111*1111", "1024 | 2048 | 4096 | 8192"),
        Family.NUMBER, (cards.PARTED_CARD_TRIGGER,), cards.parted_card, retry=True,
        may_hold=cards.may_be_parted_card,
    ),
    Recognizer(
        "iban", "IBAN",
        # In lower case the country and its check digits stand together, as in no other text.
        b"(?:(?:" + _COUNTRIES + b")(?:" + _SEPARATORS + b"[0-9]){2}|(?i:" + _COUNTRIES + b")[0-9]{2})(?:"
        + _SEPARATORS + b"[A-Za-z0-9]){11,30}",
        ("DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19", "gb29nwbk60161331926819",
         "IBAN: FR14 2004 1010 0505 0001 3M02 606 BIC X", "MT84 MALT 0110 0001 2345 MTLC AST0 01S"),
        ("DE89370400440532013001", "be 12 items of the list are here", "GB29NWBK6016133192681"),
        Family.NUMBER, (rb"[A-Z]{2}(?:" + _DIGIT_SEPARATOR + rb"[0-9]){2}(?:" + _DIGIT_SEPARATOR + rb"[A-Z0-9]){11}",
         rb"[A-Za-z]{2}[0-9]{2}[A-Za-z]{4}[0-9]{6}"),
        validators.iban, retry=True, may_hold=validators.may_be_iban,
    ),
    Recognizer(
        "us-ssn", "US_SSN",
        NUMBER_RUN,
        ("123-45-6789", "SSN 123456789", "social security number is 455 99 6622", "078-05-1120"),
        ("000-12-3456", "666-12-3456", "123-00-4567", "order 123456789", "2026-03-14", "1234-56-7890"),
        Family.NUMBER, runs=numbers.us_ssn, least_digits=9,
    ),
    Recognizer(
        "phone", "PHONE",
        NUMBER_RUN,
        ("+1 (415) 555-0100", "call 785 8949", "(978)645-9740x11144", "001-748-088-2851", "061 51 81 22 mobile",
         "Phone: 02.27.96.63.08", "+44 20 7946 0018", "0487 23 46 71", "reach me at 469 34 883", "tel. (88) 684-334"),
        ("2026-11-21", "call 2026-11-21", "1763748256394", "$1,234,567.89", "v1.2.3456789", "build 20261121.3",
         "10.0.19041.1", "call 12.50"),
        Family.NUMBER,
        (b"(?i:" + _PHONE_WORDS + rb")[A-Za-z]{0,16}(?:[^0-9\\]|\\+[^0-9\\]){0,14}" + _SHORT_RUN,
         b"(?i:" + _PHONE_WORDS + rb")[A-Za-z_]{0,16}\\*\" ?: ?\[",
         _SHORT_RUN + rb"(?:[^0-9A-Za-z]|\\[nrt]){1,6}(?i:" + candidates.PHONE_WORDS_BEHIND + b")"),
        runs=phones.phone, least_digits=6,
    ),
    Recognizer(
        "ipv4", "IP_ADDRESS",
        NUMBER_RUN,
        ("from 203.0.113.7 at noon", "http://198.51.100.4:8080/", "[10.1.2.3]"),
        ("Mozilla/5.0 Chrome/141.0.0.0", "version 1.2.3.4", "1.2.3.4.5", "127.0.0.1", "256.1.1.1"),
        Family.NUMBER, (DOTTED_QUAD,), runs=numbers.ipv4, least_digits=4,
    ),
    Recognizer(
        "ipv6", "IP_ADDRESS",
        rb"(?:[0-9A-Fa-f]{1,4}:){1,7}(?:(?::[0-9A-Fa-f]{1,4}){1,7}|:|[0-9A-Fa-f]{1,4})(?:[0-9]{0,3}(?:\.[0-9]{1,3}){3})?"
        rb"|::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4}(?:(?:\.[0-9]{1,3}){3})?",
        ("2001:db8::8a2e:370:7334", "d80:e4b5:79da:6cf6:71f3:51f7:9161:c319", "::ffff:203.0.113.7"),
        ("12:30:45", "std::array", "aa:bb:cc:dd:ee:ff", "::1", "a::b"),
        triggers=(rb"[0-9A-Fa-f](?::[0-9A-Fa-f]{1,4}){2}:[0-9A-Fa-f]", rb"::[0-9A-Fa-f]", rb"[0-9A-Fa-f]::"),
        validate=validators.ipv6, literals=(b":",),
    ),
    Recognizer(
        "jwt", "JWT",
        rb"(?:^|[^A-Za-z0-9])(eyJ[A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]{4,}(?:\.[A-Za-z0-9_\-]*){0,3})",
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r_wW1g",),
        ("eyJ", "keyJumper.example"),
        triggers=(b"eyJ",), literals=(b"eyJ",), secret=True,
    ),
    Recognizer(
        "private-key", "PRIVATE_KEY",
        # Without its end, a key runs to the end of the text.
        rb"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY[A-Z ]{0,16}-----(?s:.*?)"
        rb"(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY[A-Z ]{0,16}-----|\z)",
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\n-----END RSA PRIVATE KEY-----",
         "-----BEGIN PRIVATE KEY-----\nMIIEvQ cut"),
        ("-----BEGIN PUBLIC KEY-----\nMIIBIjAN\n-----END PUBLIC KEY-----",),
        triggers=(b"PRIVATE KEY",), literals=(b"PRIVATE KEY",), secret=True,
    ),
    Recognizer(
        "aws-access-key-id", "API_KEY", rb"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
        ("AKIAIOSFODNN7EXAMPLE",), ("AKIAB", "ASIATIC"),
        triggers=(b"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{4}",), literals=(b"AKIA", b"ASIA", b"ABIA", b"ACCA"), secret=True,
    ),
    Recognizer(
        "gcp-api-key", "API_KEY", rb"AIza[0-9A-Za-z_\-]{30,}|\bya29\.[0-9A-Za-z_\-]{20,}|GOCSPX-[0-9A-Za-z_\-]{20,}",
        ("AIzaSyA1234567890abcdefghijklmnopqrstuv", "ya29.a0AfH6SMBx1234567890abcdef",
         "GOCSPX-abcdefghijklmnopqrstuvwx"),
        ("AIzaSy",),
        triggers=(b"AIza", rb"ya29\.", b"GOCSPX-"), literals=(b"AIza", b"ya29.", b"GOCSPX-"), secret=True,
    ),
    Recognizer(
        "azure-secret", "API_KEY",
        rb"\b[A-Za-z0-9_~.\-]{3}[0-9]Q~[A-Za-z0-9_~.\-]{31,34}|[A-Za-z0-9+/]{86}==",
        ("abc8Q~defghijklmnopqrstuvwxyz0123456789", "A" * 43 + "b" * 43 + "=="),
        ("8Q~",),
        triggers=(b"[0-9]Q~", b"[A-Za-z0-9+/]=="), secret=True,
    ),
    Recognizer(
        "github-token", "API_KEY", rb"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}",
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "github_pat_11ABCDEFG0abcdefghijklmn"), ("ghp_short",),
        triggers=(b"gh[pousr]_", b"github_pat_"),
        literals=(b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_"), secret=True,
    ),
    Recognizer(
        "gitlab-token", "API_KEY", rb"\bgl(?:pat|ptt|dt|rt|ft|agent|soat|cbt|imt|oas)-[A-Za-z0-9_.\-]{16,}",
        ("glpat-abcDEF123456ghiJKL78",), ("glpat-",),
        triggers=(b"gl(?:pat|ptt|dt|rt|ft|agent|soat|cbt|imt|oas)-",), literals=(b"gl",), secret=True,
    ),
    Recognizer(
        "slack-token", "API_KEY",
        rb"\bxox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9\-]{8,}|\bxapp-[0-9]-[A-Za-z0-9\-]{8,}"
        rb"|hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+\-]{8,})",
        ("xoxb-1234567890-abcdefGHIJKL", "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX"),
        ("xoxb",),
        triggers=(b"xox[abeoprs]", b"xapp-", rb"hooks\.slack\.com"), literals=(b"xox", b"xapp-", b"hooks.slack.com"),
        secret=True,
    ),
    Recognizer(
        "stripe-key", "API_KEY", rb"\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|\bwhsec_[A-Za-z0-9+/]{16,}",
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", "whsec_abcdefghijklmnopqrst"), ("sk_live_",),
        triggers=(b"[spr]k_(?:live|test)_", b"whsec_"), literals=(b"k_live_", b"k_test_", b"whsec_"), secret=True,
    ),
    Recognizer(
        "anthropic-key", "API_KEY", rb"\bsk-ant-[A-Za-z0-9_\-]{8,}",
        ("sk-ant-api03-abcdefghijklmnop",), ("sk-ant",),
        triggers=(b"sk-ant-",), literals=(b"sk-ant-",), secret=True,
    ),
    Recognizer(
        "openai-key", "API_KEY",
        rb"\bsk-(?:(?:proj|svcacct|admin|service|None)-[A-Za-z0-9_\-]{8,}|[A-Za-z0-9_\-]*[A-Z0-9][A-Za-z0-9_\-]{12,})",
        ("sk-proj-FAKESECRETKEY0123", "sk-abcdEFGH1234ijklMNOP5678"), ("risk-based approach", "sk-learn"),
        triggers=(b"sk-(?:proj|svcacct|admin|service|None)-", b"sk-[a-z]*[A-Z0-9_-]"), literals=(b"sk-",), secret=True,
    ),
    Recognizer(
        "package-registry-token", "API_KEY",
        rb"\bhf_[A-Za-z0-9]{20,}|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_\-]{40,}",
        ("hf_abcdefghijklmnopqrstuvwxyz012345", "npm_abcdefghijklmnopqrstuvwxyz0123456789"), ("hf_short",),
        triggers=(b"hf_[A-Za-z0-9]{4}", b"npm_[A-Za-z0-9]{4}", b"pypi-[A-Za-z0-9]{4}"),
        literals=(b"hf_", b"npm_", b"pypi-"), secret=True,
    ),
    Recognizer(
        "bearer-token", "CREDENTIAL", credentials.BEARER,
        ("Authorization was Bearer abc123def456", "bearer AbCdEfGhIj"), ("bearer bonds", "Bearer authentication"),
        triggers=(b"(?i:bearer)[ +]",), validate=credentials.bearer_token, secret=True,
    ),
    Recognizer(
        "basic-credentials", "CREDENTIAL", credentials.BASIC,
        ("uses Basic Ym9iOmh1bnRlcjI=", "Basic YWxhZGRpbjpvcGVu"),
        ("Basic understanding", "basic income", "Basic Authentication"),
        triggers=(b"(?i:basic)[ +]+[A-Za-z0-9+/]*[A-Z0-9+/][A-Za-z0-9+/]",), validate=credentials.basic_credentials,
        secret=True,
    ),
    Recognizer(
        "header-line", "CREDENTIAL", credentials.HEADER_LINE,
        ("Authorization: ApiKey plainsecret", "Cookie: theme=dark; id=xyz"), ("authorization failed", "cookie recipe"),
        triggers=(b"(?i:authorization|cookie)[\"'\\\\ ]{0,6}[:=]",), secret=True, goes_on=(0, 0),
    ),
    Recognizer(
        "named-secret", "CREDENTIAL", credentials.PAIR,
        ("password=hunter2", "my password: correcthorse", '"api_key": "k-1"', "?token=s3cr3t&x=1", "pwd='a b c'",
         "X-Goog-Signature=abcdef", "client_secret => zzz", "session=abc123"),
        ("tokens: 512", "max_tokens=4096", "Token: the unit of text", "password: string", "secret=***",
         "the password is wrong", "tokenizer=bpe"),
        triggers=(credentials.NAME_TRIGGER,), validate=credentials.named_value, secret=True, goes_on=(0, 1),
    ),
)  # fmt: skip
"""Every recogniser, in the order in which they win where findings overlap."""
