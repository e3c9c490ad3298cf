"""Tokens that issuers mark with a beginning of their own, and secrets where commands and markup have them.

Formats are those that the issuers document, as secret scanners look for them; those of the large clouds are in
:mod:`~otel_audit.mask.known_secrets`.
"""

from __future__ import annotations

from typing import Final

from otel_audit.mask.recognizer import Recognizer

__all__ = ["VENDOR_TOKENS"]

_ELEMENTS: Final = rb"(?:password|passwd|passphrase|secret|api[_\-]?key|accesskey|pwd|token|pin|cvv|cvc)"
_CODES: Final = (
    rb"(?:(?:one[ \-]?time|verification|security|login|sign[ \-]?in|access|authentication|authorization|confirmation)"
    rb"[ \-](?:code|passcode|password|pin)|otp|2fa|mfa)[ ]?(?:is|was|:|=|-)[ ]{0,2}"
)

VENDOR_TOKENS: Final = (
    Recognizer(
        "model-provider-key", "API_KEY",
        # Groq, xAI, Replicate, Perplexity, Nvidia, Fireworks, LangSmith, Langfuse, Tavily, Pinecone
        rb"\b(?:gsk_[A-Za-z0-9]{30,}|xai-[A-Za-z0-9]{40,}|r8_[A-Za-z0-9]{30,}|pplx-[A-Za-z0-9]{30,}"
        rb"|nvapi-[\w\-]{40,}|fw_[A-Za-z0-9]{20,}|lsv2_(?:pt|sk)_[\w\-]{20,}|[sp]k-lf-[\w\-]{20,}|tvly-[\w\-]{20,}"
        rb"|pcsk_\w{30,})",
        ("gsk_abcdefghijABCDEFGHIJ0123456789abcdefghij", "xai-" + "aB3" * 20, "r8_" + "aB3" * 12,
         "pk-lf-1f2e3d4c-5b6a-7980-a1b2-c3d4e5f60718"),
        ("gsk_short", "fw_update", "r8_0"),
        triggers=(b"(?:gsk|r8|fw)_[A-Za-z0-9]{4}", rb"(?:xai|pplx|nvapi|tvly)-[\w\-]", b"lsv2_", b"k-lf-", b"pcsk_"),
        literals=(b"gsk_", b"xai-", b"r8_", b"pplx-", b"nvapi-", b"fw_", b"lsv2_", b"k-lf-", b"tvly-", b"pcsk_"),
        secret=True,
    ),
    Recognizer(
        "platform-token", "API_KEY",
        # Databricks, Vault, Terraform, DigitalOcean, Shopify, Square, Docker, Supabase, PlanetScale, Doppler
        rb"\b(?:dapi[0-9a-f]{32}|hv[sbr]\.[\w\-]{20,}|[A-Za-z0-9]{14}\.atlasv1\.[\w\-]{40,}|do[opr]_v1_[0-9a-f]{32,}"
        rb"|shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}|sq0[a-z]{3}-[\w\-]{20,}|dckr_[a-z]{3}_[\w\-]{20,}|sbp_[0-9a-f]{40}"
        rb"|pscale_[a-z]+_[\w\-]{30,}|dp\.[a-z]{2,5}\.[A-Za-z0-9]{40,})",
        ("dapi0123456789abcdef0123456789abcdef", "hvs.CAESIabcdefghijklmnopqrs", "dop_v1_" + "0f" * 32,
         "shpat_0123456789abcdef0123456789abcdef", "sq0atp-abcdefghijklmnopqrstuv", "dckr_pat_" + "aB3-" * 7),
        ("dapi", "hvs.example.com", "dp.pt.short"),
        triggers=(
            b"dapi[0-9a-f]{4}", rb"hv[sbr]\.[\w\-]{4}", rb"\.atlasv1\.", b"do[opr]_v1_", b"shp(?:at|ca|pa|ss|ua)_",
            b"sq0[a-z]{3}-", b"dckr_", b"sbp_[0-9a-f]", b"pscale_", rb"dp\.[a-z]{2,5}\.[A-Za-z0-9]{4}",
        ),
        secret=True,
    ),
    Recognizer(
        "service-token", "API_KEY",
        # SendGrid, Mailgun, Mailchimp, Twilio, Telegram, Grafana, New Relic, Linear, Figma, Atlassian, Postman,
        # Notion, Sentry, Airtable
        rb"(?:^|[^\w\-])(SG\.[\w\-]{16,}\.[\w\-]{16,}|key-[0-9a-f]{32}|[0-9a-f]{32}-us[0-9]{1,2}|SK[0-9a-f]{32}"
        rb"|[0-9]{8,10}:AA[\w\-]{32,34}|gl(?:c|sa)_[A-Za-z0-9+/_=]{30,}|NR(?:AK|II|JS|BR|RA)-[\w\-]{20,}"
        rb"|lin_api_[A-Za-z0-9]{30,}|fig[dor]_[\w\-]{30,}|ATATT3[\w\-=]{30,}|PMAK-[a-f0-9]{24}-[a-f0-9]{30,}"
        rb"|ntn_[A-Za-z0-9]{40,}|sntry[su]_[A-Za-z0-9_=+/]{30,}|pat[A-Za-z0-9]{14}\.[0-9a-f]{64})",
        ("SG.abcdefghijklmnopqrstuv.ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefg",
         "key-0123456789abcdef0123456789abcdef", "SK0123456789abcdef0123456789abcdef",
         "bot 539184857:AAUNcxVOZFTjhlRBBVMjQvlptgaTDxfG5km", "glsa_abcdefghijABCDEFGHIJ0123456789ab_0f1e2d3c"),
        ("SG.example", "cache-key-0123456789abcdef0123456789abcdef", "SKU 0123456789"),
        triggers=(
            rb"SG\.[\w\-]{4}", b"key-[0-9a-f]{4}", b"[0-9a-f]-us[0-9]", b"SK[0-9a-f]{4}", rb"[0-9]:AA[\w\-]",
            b"gl(?:c|sa)_", b"NR(?:AK|II|JS|BR|RA)-", b"lin_api_", b"fig[dor]_", b"ATATT3", b"PMAK-",
            b"ntn_[A-Za-z0-9]", b"sntry[su]_", rb"pat[A-Za-z0-9]{14}\.",
        ),
        secret=True,
    ),
    Recognizer(
        "command-line-secret", "CREDENTIAL",
        rb"(?i:\bcurl\b[^\n\x00]{0,256}?\s(?:-u|--user|--proxy-user)[ =]?[\"']?([^\s\"':]{1,64}:[^\s\"']+))"
        rb"|(?i:\bsshpass)[ ]+-p[ ]?[\"']?([^\s\"']+)"
        rb"|(?i:\b(?:mysql|mysqldump|mariadb)\b[^\n\x00]{0,128}?\s)-p([^\s\"']+)",
        ("curl -u jane:hunter2 https://x.example", "sshpass -p hunter2 ssh host", "mysql -u root -phunter2 shop"),
        ("curl -X POST https://x.example", "mysql -u root -p shop"),
        triggers=(b"(?i:curl|sshpass|mysql|mysqldump|mariadb)[ ]",), secret=True,
    ),
    Recognizer(
        "secret-element", "CREDENTIAL",
        # An element of XML is named like a member of JSON.
        rb"(?i)<(?:[a-z0-9_.\-]{1,32}:)?(?:[a-z0-9_.\-]{0,32}[_.\-])?" + _ELEMENTS
        + rb"(?:\s[^<>]{0,128})?>([^<]+)",
        ("<password>hunter2</password>", "<ns:apiKey kind='x'>abc</ns:apiKey>", "<wsse:Password>p w</wsse:Password>",
         "<db_password>x</db_password>"),
        ("<password/>", "<password></password>", "<passwordPolicy>strict</passwordPolicy>"),
        triggers=(rb"(?i)<[a-z0-9_.:\-]*" + _ELEMENTS,), secret=True,
    ),
    Recognizer(
        "one-time-code", "CREDENTIAL",
        rb"(?i)\b" + _CODES + rb"[\"']?([0-9]{3}[ \-]?[0-9]{1,5})\b",
        ("Your one-time code is 493021", "verification code: 123 456", "OTP is 4921"),
        ("verification is 20 minutes late", "error code is 493021", "security code: none"),
        triggers=(b"(?i)" + _CODES,), secret=True,
    ),
)  # fmt: skip
"""Entries of the table of recognisers."""
