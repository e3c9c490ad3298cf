"""Records one span set of the corpus: real instrumentations, real clients, a local endpoint.

Run it in an environment that holds one dialect's packages, which may not be installed together::

    python -m venv /tmp/openinference
    /tmp/openinference/bin/pip install -r tests/corpus/record/requirements-openinference.txt
    /tmp/openinference/bin/python tests/corpus/record/record.py openinference anthropic bedrock google

It writes ``tests/corpus/<dialect>_<client>.json`` and, where there were log events, ``.logs.json`` beside it, in
OTLP JSON. The sets in the repository were made so in November 2026 and are not made anew by any other command:
expectations that were written by hand hang on their ids and times.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "servers")]

# Before anything of OpenTelemetry is imported: it reads these once.
# The instrumentation of botocore knows the older way to ask for content only.
IS_OLDER = sys.argv[1:] == ["genai", "bedrock"]
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "true" if IS_OLDER else "SPAN_AND_EVENT"
os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")

import calls  # noqa: E402
import fake_llm  # noqa: E402
from opentelemetry import _logs, trace  # noqa: E402
from opentelemetry.exporter.otlp.json.common._log_encoder import encode_logs  # noqa: E402
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider  # noqa: E402
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor  # noqa: E402
from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter  # noqa: E402

INSTRUMENTORS = {
    "genai": {
        "anthropic": "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
        "bedrock": "opentelemetry.instrumentation.botocore:BotocoreInstrumentor",
        "google": "opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",
        "langchain": "opentelemetry.instrumentation.genai.langchain:LangChainInstrumentor",
        "llamaindex": "opentelemetry.instrumentation.genai.llama_index:LlamaIndexInstrumentor",
    },
    "openinference": {
        "anthropic": "openinference.instrumentation.anthropic:AnthropicInstrumentor",
        "bedrock": "openinference.instrumentation.bedrock:BedrockInstrumentor",
        "google": "openinference.instrumentation.google_genai:GoogleGenAIInstrumentor",
        "langchain": "openinference.instrumentation.langchain:LangChainInstrumentor",
        "llamaindex": "openinference.instrumentation.llama_index:LlamaIndexInstrumentor",
    },
    "traceloop": {
        "anthropic": "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
        "bedrock": "opentelemetry.instrumentation.bedrock:BedrockInstrumentor",
        "google": "opentelemetry.instrumentation.google_generativeai:GoogleGenerativeAiInstrumentor",
        "langchain": "opentelemetry.instrumentation.langchain:LangchainInstrumentor",
        "llamaindex": "opentelemetry.instrumentation.llamaindex:LlamaIndexInstrumentor",
    },
}
"""Dialect → client → instrumentor."""


def record(dialect: str, client: str) -> None:
    resource = Resource.create(
        {
            "service.name": f"genai-{dialect}-{client}",
            "service.version": "1.2.3",
            "service.namespace": "shop",
            "deployment.environment.name": "test",
        }
    )
    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
    tracers, loggers = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    loggers.add_log_record_processor(SimpleLogRecordProcessor(logs))
    trace.set_tracer_provider(tracers)
    _logs.set_logger_provider(loggers)
    module, _, name = INSTRUMENTORS[dialect][client].partition(":")
    instrumentor = getattr(importlib.import_module(module), name)()
    instrumentor.instrument(tracer_provider=tracers, logger_provider=loggers)
    with fake_llm.serving() as url:
        calls.CALLS[client](url)
    ended, emitted = spans.get_finished_spans(), logs.get_finished_logs()
    shift = BEGIN - min(span.start_time or 0 for span in ended)
    write(CORPUS / f"{dialect}_{client}.json", encode_spans(ended), shift)
    if emitted:
        write(CORPUS / f"{dialect}_{client}.logs.json", encode_logs(emitted), shift)
    print(dialect, client, len(ended), "spans", len(emitted), "events")


BEGIN = 1_795_284_000_000_000_000
"""When every run of the corpus begins, nanoseconds since the epoch: the moment of recording says nothing."""

PLACES = {str(HERE): "/app", sys.prefix: "/venv", sys.base_prefix: "/usr"}
"""Folders that stack traces name, and what stands for them."""


def write(path: Path, request: Any, shift: int) -> None:
    text = json.dumps(moved(request.to_dict(), shift), ensure_ascii=False, separators=(",", ":"))
    for place, name in PLACES.items():
        text = text.replace(place, name)
    path.write_text(text + "\n")


def moved(value: Any, shift: int) -> Any:
    """An OTLP document with its times moved."""
    if isinstance(value, list):
        return [moved(item, shift) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: str(int(item) + shift) if key.endswith("UnixNano") and int(item) else moved(item, shift)
        for key, item in value.items()
    }


if __name__ == "__main__":
    dialect, *clients = sys.argv[1:]
    if len(clients) == 1:
        record(dialect, clients[0])
    else:
        # One process each: tracer and logger providers can be set once, and instrumentations patch for good.
        import subprocess

        for client in clients:
            subprocess.run([sys.executable, __file__, dialect, client], check=True)
