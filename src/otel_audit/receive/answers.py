"""How requests are answered, over gRPC and HTTP.

===============  ==================  ====  =====================================================================
answer           gRPC                HTTP  meaning
===============  ==================  ====  =====================================================================
taken            OK                  200   its records are durable
malformed        INVALID_ARGUMENT    400   it cannot be read; sending it again does not help
unauthenticated  UNAUTHENTICATED     401   it brought no token that is accepted
forbidden        PERMISSION_DENIED   403   its token is not for this signal
slow             DEADLINE_EXCEEDED   408   its body did not arrive in time
too large        INVALID_ARGUMENT    413   it holds more than is taken; likewise
unsupported      INVALID_ARGUMENT    415   its content type or encoding is not known here
no such path     UNIMPLEMENTED       404
no such method   UNIMPLEMENTED       405
overloaded       RESOURCE_EXHAUSTED  429   too much waits already; with RetryInfo or Retry-After
not durable      UNAVAILABLE         503   the spool takes nothing now; likewise
stopping         UNAVAILABLE         503   the server ends; likewise
gone             CANCELLED                 whoever sent it waits no more, so nobody is told
conflict         ALREADY_EXISTS      409   an audit record has the id of another; sending it again does not help
defect           INTERNAL            500   an error of ours
===============  ==================  ====  =====================================================================

The statuses are those of the OTLP specification, "OTLP/gRPC Throttling" and "OTLP/HTTP Response". A reason is a
sentence of ours: it never quotes what was sent.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

__all__ = ["DEFECT", "TAKEN", "Answer", "Verdict"]


class Verdict(enum.Enum):
    """What became of a request."""

    TAKEN = "taken"
    MALFORMED = "malformed"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    SLOW = "slow"
    TOO_LARGE = "too-large"
    UNSUPPORTED = "unsupported"
    NO_SUCH_PATH = "no-such-path"
    NO_SUCH_METHOD = "no-such-method"
    OVERLOADED = "overloaded"
    NOT_DURABLE = "not-durable"
    STOPPING = "stopping"
    GONE = "gone"
    CONFLICT = "conflict"
    DEFECT = "defect"


_STATUSES: Final = {
    Verdict.TAKEN: (code_pb2.OK, 200),
    Verdict.MALFORMED: (code_pb2.INVALID_ARGUMENT, 400),
    Verdict.UNAUTHENTICATED: (code_pb2.UNAUTHENTICATED, 401),
    Verdict.FORBIDDEN: (code_pb2.PERMISSION_DENIED, 403),
    Verdict.SLOW: (code_pb2.DEADLINE_EXCEEDED, 408),
    Verdict.TOO_LARGE: (code_pb2.INVALID_ARGUMENT, 413),
    Verdict.UNSUPPORTED: (code_pb2.INVALID_ARGUMENT, 415),
    Verdict.NO_SUCH_PATH: (code_pb2.UNIMPLEMENTED, 404),
    Verdict.NO_SUCH_METHOD: (code_pb2.UNIMPLEMENTED, 405),
    Verdict.OVERLOADED: (code_pb2.RESOURCE_EXHAUSTED, 429),
    Verdict.NOT_DURABLE: (code_pb2.UNAVAILABLE, 503),
    Verdict.STOPPING: (code_pb2.UNAVAILABLE, 503),
    Verdict.GONE: (code_pb2.CANCELLED, 499),
    Verdict.CONFLICT: (code_pb2.ALREADY_EXISTS, 409),
    Verdict.DEFECT: (code_pb2.INTERNAL, 500),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is told.

    Attributes:
        verdict: what became of its request.
        reason: a sentence, where it was not taken.
        retry_after_s: when to send it again; ``None`` where that would not help.
    """

    verdict: Verdict
    reason: str = ""
    retry_after_s: int | None = None

    @property
    def grpc_code(self) -> int:
        """Number of the gRPC status."""
        return int(_STATUSES[self.verdict][0])

    @property
    def http_status(self) -> int:
        return _STATUSES[self.verdict][1]

    def status(self) -> bytes:
        """``google.rpc.Status`` as protobuf, with RetryInfo where there is something to wait for."""
        status = Status(code=self.grpc_code, message=self.reason)
        if self.retry_after_s is not None:
            status.details.add().Pack(RetryInfo(retry_delay=Duration(seconds=self.retry_after_s)))
        return bytes(status.SerializeToString())

    def status_json(self) -> bytes:
        """The same as JSON, without details."""
        return json.dumps({"code": self.grpc_code, "message": self.reason}).encode()


TAKEN: Final = Answer(Verdict.TAKEN)
DEFECT: Final = Answer(Verdict.DEFECT, "an error of the sink; nothing of this request was taken")
