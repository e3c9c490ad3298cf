"""Credentials that give themselves away by their form, or by the name that stands beside them.

Formats of keys are those that their issuers document for secret scanning.
"""

from __future__ import annotations

from typing import Final

from otel_audit.mask import credentials
from otel_audit.mask.recognizer import Recognizer

__all__ = ["KNOWN_SECRETS"]

KNOWN_SECRETS: Final = (
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
        ("Authorization was Bearer abc123def456", "bearer AbCdEfGhIj",
         "Authorization is Bearer\n abcdef0123456789xyz"),
        ("bearer bonds", "Bearer authentication", "the bearer\n2026-11-22 09:12:44"),
        triggers=(credentials.BEARER_TRIGGER,), validate=credentials.bearer_token, secret=True,
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
        "named-secret", "CREDENTIAL", credentials.NAMED,
        ("password=hunter2", "my password: correcthorse", '"api_key": "k-1"', "?token=s3cr3t&x=1", "pwd='a b c'",
         "X-Goog-Signature=abcdef", "client_secret => zzz", "session=abc123",
         "Passwort: geheim1", "Mot de passe : soleil", "contrase\u00f1a=gato", "senha: gato1"),
        ("tokens: 512", "max_tokens=4096", "Token: the unit of text", "password: string", "secret=***",
         "the password is wrong", "tokenizer=bpe"),
        triggers=(credentials.NAME_TRIGGER,), validate=credentials.named_value, secret=True, begins=True,
    ),
)  # fmt: skip
"""Entries of the table of recognisers."""
