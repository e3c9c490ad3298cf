"""Whether masking takes time in proportion to the length of a text, whatever the text is made of.

Texts are masked as one field would be, larger and larger; the time is that of the thread. A text that is judged for too
long would be withheld; here it is given its time, but what has taken 15 s is not tried larger.
"""

from __future__ import annotations

import argparse
import time

from otel_audit.mask.free_text import TextMasker
from otel_audit.mask.policy import MaskPolicy

PROSE = "The quick brown fox jumps over the lazy dog, 42 times on Monday, and pays 12.50 to nobody in particular. "
MADE_OF = {
    "prose": PROSE,
    "prose with values": PROSE * 8
    + "write to jane.doe@example.com or ring +49 30 901820-33, card 4111 1111 1111 1111. ",
    "digits": "4111 1111 1111 1112 ",
    "one digit": "4",
    "one letter": "a",
    "at signs": "a@",
    "dots": "a.b.c.",
    "percent": "%41%2520",
    "backslashes": "\\",
    "escapes": "\\u0041\\n",
    "references": "&amp;&#64;",
    "base64": "aGVsbG8gd29ybGQgaGVsbG8gd29ybGQg",
    "hexadecimal": "68656c6c6f",
    "brackets": "[{",
    "names of secrets": "password=",
    "names of secrets in quotes": 'pin:"',
    "names of no secrets": "sid:",
    "full-width digits": "４１１１ ",
    "invisible": "😀\u200b",
    "addresses": "2001:db8:",
    "URLs with credentials": "http://a:b@c/",
    "beginnings of keys": "-----BEGIN PRIVATE KEY-----\n",
    "beginnings of tokens": "eyJhbGci.",
}
LONGEST_S = 60.0
NOT_LINEAR = 8.0
"""Times as long for a text four times as long: 4 is linear, 16 is not."""


def cpu_s(masker: TextMasker, unit: str, size: int) -> float:
    """Seconds for a text of so many characters."""
    text = (unit * (size // len(unit) + 1))[:size]
    began = time.thread_time()
    masker.mask(text)
    return time.thread_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=50.0)
    largest = int(parser.parse_args().megabytes * 1_000_000)
    masker = TextMasker(MaskPolicy(field_timeout_s=3600))
    masker.mask(PROSE)
    steps = [size for size in (200_000, 800_000, 3_200_000, 12_500_000, 50_000_000) if size <= largest]
    print(f"{'text of':24}" + "".join(f"{size / 1e6:>10.1f} MB" for size in steps) + "   s/MB  last step")
    for name, unit in MADE_OF.items():
        times: list[float] = []
        for size in steps:
            if times and times[-1] * 4 > LONGEST_S:
                break
            times.append(cpu_s(masker, unit, size))
        ratio = times[-1] / max(times[-2], 0.005) if len(times) > 1 else 0.0
        cells = "".join(f"{taken:>11.2f} s" for taken in times).ljust(13 * len(steps))
        verdict = "NOT LINEAR" if ratio > NOT_LINEAR else ""
        print(
            f"{name:24}{cells}{times[-1] / steps[len(times) - 1] * 1e6:>7.2f} {ratio:>8.1f} x {verdict}",
            flush=True,
        )


if __name__ == "__main__":
    main()
