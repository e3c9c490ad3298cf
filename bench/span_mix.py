"""A realistic mix of finished spans: half HTTP, half chats.

HTTP spans carry 18 attributes, six of them captured headers. Chat spans carry 19 attributes and 1–4 KB of
messages; personal data stands in a fifth of them. Text follows a Zipf-like vocabulary, so that it compresses
about as well as prose does. The same seed gives the same spans.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

COMMON_WORDS: Final = (
    "the of and to in a is that for it as was with be by on not he this are or his from at which but have an had they "
    "you were their one all we can her has there been if more when will would who so no please could help me with my "
    "order account summary report meeting contract invoice payment delivery schedule customer support request refund "
    "policy document translate explain python function error database server latency network security update version "
    "release deploy kubernetes cluster budget quarterly forecast revenue marketing campaign analysis product feature "
    "roadmap team hiring candidate interview feedback performance review training material legal compliance audit "
    "regulation data privacy consent"
).split()
SYLLABLES: Final = (
    "ba be bi bo bu ca ce co cu da de di do du fa fe fi fo ga ge go ha he hi ho in ka la le li lo ma me mi mo na ne no "
    "pa pe po ra re ri ro sa se si so ta te ti to un va ve vi wa we yo ster ment tion ing er al ous ive ship ness"
).split()
_vocabulary = random.Random(7)
VOCABULARY: Final = COMMON_WORDS + [
    "".join(_vocabulary.choices(SYLLABLES, k=_vocabulary.randint(2, 4))) for _ in range(6000)
]
CUMULATIVE_WEIGHTS: Final = list(itertools.accumulate(1 / (rank + 3) for rank in range(len(VOCABULARY))))

FIRST_NAMES: Final = (
    "John Mary Ahmed Yuki Ivan Elena Pierre Maria Chen Olga Peter Anna Luis Fatima Hans Karen Raj".split()
)
LAST_NAMES: Final = (
    "Smith Jones Khan Tanaka Petrov Ivanova Dupont Garcia Wei Smirnova Brown Novak Silva Ali Lee".split()
)
ROUTES: Final = (
    "/api/v1/users/{id}", "/api/v1/orders", "/api/v1/orders/{id}", "/v1/chat", "/healthz", "/api/v1/search", "/login",
)  # fmt: skip
USER_AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36",
    "python-httpx/0.28.1",
    "Go-http-client/2.0",
    "okhttp/5.1.0",
)
SYSTEM_PROMPT: Final = (
    "You are a helpful assistant for ACME Bank customers. Answer briefly, never reveal internal data and follow the "
    "compliance policy v12. "
)


def card_number(r: random.Random) -> str:
    """A number that passes the Luhn check, half the time in groups of four."""
    digits = [4] + [r.randint(0, 9) for _ in range(14)]
    doubled = [
        d if index % 2 else (2 * d - 9 if 2 * d > 9 else 2 * d) for index, d in enumerate(reversed(digits))
    ]
    number = "".join(map(str, [*digits, -sum(doubled) % 10]))
    return number if r.random() < 0.5 else " ".join(number[i : i + 4] for i in range(0, 16, 4))


def personal_data(r: random.Random) -> str:
    """An e-mail address, a phone number, a card, a social security number or an IBAN."""
    kind = r.random()
    if kind < 0.4:
        name = f"{r.choice(FIRST_NAMES)}.{r.choice(LAST_NAMES)}".lower()
        return f"{name}{r.randint(1, 999)}@{r.choice(['example.com', 'corp.example.org', 'mail.test'])}"
    if kind < 0.7:
        return r.choice(
            [
                f"+1 (415) 555-{r.randint(1000, 9999)}",
                f"+7 916 {r.randint(100, 999)}-{r.randint(10, 99)}-{r.randint(10, 99)}",
                f"+44 20 7946 {r.randint(1000, 9999)}",
            ]
        )
    if kind < 0.9:
        return card_number(r)
    if kind < 0.95:
        return f"{r.randint(100, 772):03d}-{r.randint(10, 99)}-{r.randint(1000, 9999)}"
    return f"GB29NWBK6016133192{r.randint(0, 9999):04d}"


def prose(r: random.Random, length: int, personal: int) -> str:
    """About ``length`` characters of text with some harmless numbers and ``personal`` pieces of personal data."""
    words = r.choices(VOCABULARY, cum_weights=CUMULATIVE_WEIGHTS, k=max(3, length // 6))
    for start in range(0, len(words), 14):
        words[start] = words[start].capitalize()
        if start:
            words[start - 1] += r.choice([".", ".", "?", "\n", ","])
    harmless: list[Callable[[], str]] = [
        lambda: f"2026-{r.randint(1, 12):02d}-{r.randint(1, 28):02d}",
        lambda: f"#{r.randint(1000, 999999)}",
        lambda: str(r.randint(1, 500)),
        lambda: f"{r.random() * 1000:.2f}",
    ]
    for _ in range(max(1, len(words) // 40)):
        words.insert(r.randrange(len(words)), r.choice(harmless)())
    for _ in range(personal):
        lead = r.choice(["My contact is", "email me at", "card", "call"])
        words.insert(r.randrange(len(words)), f"{lead} {personal_data(r)}")
    return " ".join(words)


def http_attributes(r: random.Random) -> dict[str, AttributeValue]:
    """What an HTTP instrumentation with captured headers emits."""
    route, user = r.choice(ROUTES), r.randint(1, 5000)
    return {
        "http.request.method": r.choice(["GET", "GET", "POST", "PUT"]),
        "url.path": route.replace("{id}", str(user)),
        "url.scheme": "https",
        "url.query": f"page={r.randint(1, 40)}&sort=desc&q={r.choice(VOCABULARY)}",
        "http.route": route,
        "http.response.status_code": r.choice([200, 200, 200, 201, 404, 500]),
        "server.address": r.choice(["api.acme.example", "gw.acme.example"]),
        "server.port": 443,
        "client.address": f"10.{r.randint(0, 255)}.{r.randint(0, 255)}.{r.randint(1, 254)}",
        "network.protocol.version": "1.1",
        "user_agent.original": r.choice(USER_AGENTS),
        "enduser.id": f"u{user:05d}",
        "http.request.header.content-type": ("application/json",),
        "http.request.header.x-request-id": (f"{r.getrandbits(128):032x}",),
        "http.request.header.accept-language": (r.choice(["en-US,en;q=0.9", "de", "ru-RU,ru;q=0.8"]),),
        "http.request.header.x-forwarded-for": (
            f"203.0.113.{r.randint(1, 254)}, 10.0.0.{r.randint(1, 254)}",
        ),
        "http.response.header.content-type": ("application/json; charset=utf-8",),
        "http.response.header.content-length": (str(r.randint(100, 90000)),),
    }


def chat_attributes(r: random.Random) -> dict[str, AttributeValue]:
    """What a GenAI instrumentation with captured content emits."""
    has_personal = r.random() < 0.2
    length = r.randint(1000, 4000) - 350
    asked = int(length * r.uniform(0.3, 0.7))
    inputs = [
        {"role": "system", "parts": [{"type": "text", "content": SYSTEM_PROMPT}]},
        {
            "role": "user",
            "parts": [{"type": "text", "content": prose(r, asked, r.randint(1, 2) if has_personal else 0)}],
        },
    ]
    answer = prose(r, length - asked, int(has_personal and r.random() < 0.4))
    outputs = [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}]
    model = r.choice(["gpt-5-mini", "claude-sonnet-5", "qwen3-30b"])
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": r.choice(["openai", "anthropic", "vllm"]),
        "gen_ai.request.model": model,
        "gen_ai.response.model": f"{model}-2026-08",
        "gen_ai.request.temperature": r.choice([0.0, 0.2, 0.7, 1.0]),
        "gen_ai.request.top_p": 0.95,
        "gen_ai.request.max_tokens": r.choice([512, 1024, 4096]),
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.response.id": f"chatcmpl-{r.getrandbits(120):030x}",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": r.randint(100, 3000),
        "gen_ai.usage.output_tokens": r.randint(20, 900),
        "gen_ai.conversation.id": f"conv_{r.getrandbits(96):024x}",
        "gen_ai.agent.name": r.choice(["support", "sales", "coder"]),
        "gen_ai.agent.id": f"asst_{r.randint(1, 30)}",
        "server.address": "llm-gw.acme.example",
        "server.port": 8443,
        "enduser.id": f"u{r.randint(1, 5000):05d}",
        "gen_ai.input.messages": json.dumps(inputs, ensure_ascii=False),
        "gen_ai.output.messages": json.dumps(outputs, ensure_ascii=False),
    }


class _Collecting(SpanProcessor):
    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


def spans(count: int, seed: int = 1) -> list[ReadableSpan]:
    """``count`` finished spans, made through the SDK."""
    collecting = _Collecting()
    provider = TracerProvider(
        resource=Resource.create(
            {
                "service.name": "chat-api",
                "service.version": "1.4.2",
                "deployment.environment.name": "prod",
                "host.name": "node-17",
                "service.instance.id": "a1b2c3d4-0001",
            }
        ),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(collecting)
    web = provider.get_tracer("opentelemetry.instrumentation.httpx", "0.66b2")
    chat = provider.get_tracer("opentelemetry.instrumentation.genai", "0.1")
    r = random.Random(seed)
    for index in range(count):
        is_web = index % 2 == 0
        tracer, name, attributes = (
            (web, "GET /x", http_attributes(r)) if is_web else (chat, "chat m", chat_attributes(r))
        )
        kind = SpanKind.SERVER if index % 4 == 0 else SpanKind.CLIENT
        tracer.start_span(name, kind=kind, attributes=attributes).end()
    return collecting.ended
