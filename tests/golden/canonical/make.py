"""Makes ``vectors.json`` anew, with the slow implementation alone: ``python tests/golden/canonical/make.py``.

A change of an existing vector is a change of the format: it breaks every proof that was ever given.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from otel_audit.record.schema import Group
from record import slow_canonical as slow

T = 1_795_284_256_394_044_809
TIMES = {"timeUnixNano": T, "observedTimeUnixNano": T + 705_955_191}
ATTRIBUTES = '{"app.cart":{"items":[1,2.50,1e400],"note":"a\\u2028b"},"app.flag":true}'

CASES: dict[str, dict[str, Any]] = {
    "nothing": {},
    "times": TIMES,
    "times before the epoch": {"timeUnixNano": -1, "observedTimeUnixNano": -(2**63) + 1},
    "chat": TIMES
    | {
        "recordId": "9d0c6c1e-6b0f-8a35-9a5e-2f3b7a1c4e90", "schemaVersion": "1", "stream": "model-io",
        "eventName": "gen_ai.chat", "spanName": "chat gpt-4o-mini", "spanKind": "client", "sampled": True,
        "scope": {"name": "opentelemetry.instrumentation.openai", "version": "0.66b0"},
        "durationNs": 701204118, "tenant": "default",
        "user": {"id": "u8472", "type": "user", "origin": "django", "assurance": "verified"},
        "action": "EXECUTE", "outcome": "success", "target": {"type": "model", "id": "gpt-4o-mini"},
        "source": {"type": "ipv4", "id": "203.0.113.7"}, "method": "POST",
        "requestPath": "/v1/chat/completions", "server": {"address": "llm.acme.example", "port": 443},
        "requestHeaders": [("authorization", ["[WITHHELD]"]), ("content-type", ["application/json"])],
        "request": '{"messages":[{"role":"user","parts":[{"type":"text","content":"[EMAIL] \\"A\\"."}]}]}',
        "response": '[{"role":"assistant","parts":[{"type":"text","content":"On its way.\\n"}]}]',
        "returnCode": 200, "service": {"name": "shop-assistant", "version": "1.4.2", "instanceId": "a1b2"},
        "modelInfo": {"modelName": "gpt-4o-mini", "provider": "openai", "operation": "chat",
                      "finishReasons": ["stop"], "inputTokens": 31, "outputTokens": 6, "streaming": False,
                      "extra": [("gen_ai.request.seed", "7")]},
        "traceId": "7bdfa8a77d572146ee6a8862d10dc5cd", "spanId": "54d260cdbc80cc38",
        "masking": {"policy": "sha256:4c1d", "fields": ["request.messages[0].parts[0].content"],
                    "entities": [("CREDENTIAL", 1), ("EMAIL", 1)], "dropped": []},
    },
    "escapes": {"spanName": "".join(map(chr, range(0x20))),
                "target": {"id": '"\\/\x7f\u0080\u2028\u2029\ufeff\uffff\U0001f600'},
                "action": "\b\t\n\f\r", "errorCode": "é"},
    "keys in the order of UTF-16": {
        "requestHeaders": [
            (key, [f"of {key}"])
            for key in ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
        ]
    },
    "empty at every depth": {
        "user": {"id": None, "roles": []}, "userClaims": [{"origin": None, "id": None}, None],
        "subjects": [], "requestHeaders": [("a", []), ("b", None)], "responseHeaders": [],
        "modelInfo": {"finishReasons": [], "extra": []},
        "masking": {"fields": [], "entities": [], "dropped": []},
        "joined": [None, "x", None], "purpose": "", "events": [{"name": "", "attributes": "{}"}],
    },
    "numbers at their ends": {
        "durationNs": 2**53 - 1, "requestBytes": -(2**53) + 1, "responseBytes": 0, "returnCode": -(2**31),
        "droppedAttributes": 2**31 - 1, "server": {"port": 65535},
    },
    "no attributes": TIMES | {"action": "GET"},
    "nothing but our notes": TIMES
    | {"observedTimeUnixNano": T, "action": "GET", "attributes": '{"audit.notes":["end-missing"]}'},
    "attributes": TIMES | {"attributes": ATTRIBUTES},
    "attributes with our notes": TIMES
    | {"attributes": '{"audit.duplicate_of":"x","app.cart":{"items":[1,2.50,1e400],"note":"a\\u2028b"},'
                     '"audit.notes":["wrong-type"],"app.flag":true,"audit.partitioned_by":"observed"}',
       "writer": "shop-20261121-5f2c91ab", "sequence": 4711},
    "attributes with a note deeper down": TIMES
    | {"attributes": ATTRIBUTES.replace('"note"', '"audit.notes"')},
    "human review": TIMES
    | {"auth": {"method": "x", "mfa": True, "decision": "deny"}, "onBehalfOf": {"id": "a", "type": "agent"},
       "oversight": {"reviewer": "r1", "decision": "override", "at": "2026-11-21T18:04:16.394044809Z"},
       "changes": '[{"path":"/a","before":1,"after":null}]', "links": [{"traceId": "1", "spanId": "2"}],
       "erased": [{"group": "content", "at": "2026-11-22T00:00:00.000000000Z", "reason": "request"}]},
}  # fmt: skip


def vector(name: str, record: dict[str, Any]) -> dict[str, Any]:
    salts = hashlib.sha256(name.encode()).digest()
    return {
        "name": name,
        "record": record,
        "salts": {"identity": salts[:16].hex(), "content": salts[16:].hex()},
        "identity": slow.group_json(record, Group.IDENTITY).decode(),
        "content": slow.group_json(record, Group.CONTENT).decode(),
        "meta": slow.meta_json(record, salts).decode(),
        "digests": slow.digests(record, salts),
        "recordHash": slow.record_hash(record, salts).hex(),
        "contentTag": slow.content_tag(record).hex(),
    }


def vectors() -> str:
    made = [vector(name, record) for name, record in CASES.items()]
    return json.dumps(made, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "vectors.json").write_text(vectors())
