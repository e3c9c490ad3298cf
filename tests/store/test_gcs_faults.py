"""What goes wrong between us and Cloud Storage is classed right, retried a little and never makes a mess."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from contracts.store_contract import PATH, create, sha256
from otel_audit.errors import Blocked, Conflict, IntegrityError, Missing, Refused, Retry, StoreError
from otel_audit.store.base import Outcome, Store
from servers.fake_gcs import FakeGcsServer
from servers.fault_proxy import Action, Answer, Request, fault_proxy

from .conftest import Bucket, OpenStore

CHUNK = 256 * 2**10


def opens_upload(request: Request) -> bool:
    return request.opens_upload


def carries_bytes(request: Request) -> bool:
    return request.carries_bytes


def any_request(_: Request) -> bool:
    return True


def reason(text: str) -> bytes:
    """An error as the JSON API words it."""
    return json.dumps({"error": {"message": "secret words", "errors": [{"reason": text}]}}).encode()


class TestLostAnswers:
    @pytest.mark.parametrize("content", [b"", b"content"])
    def test_a_create_whose_answer_is_lost_is_found_at_the_next(
        self, bucket: Bucket, open_gcs: OpenStore, content: bytes
    ) -> None:
        bucket.proxy.add(carries_bytes, Action.LOSE_ANSWER)
        store = open_gcs()
        with pytest.raises(Retry, match="connection-lost"):
            create(store, PATH, content)
        assert bucket.stored(PATH) == content
        assert create(store, PATH, content) is Outcome.ALREADY_SAME

    def test_within_one_call_it_is_found_too(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(carries_bytes, Action.LOSE_ANSWER)
        assert create(open_gcs(attempts=2), PATH, b"content") is Outcome.ALREADY_SAME

    def test_an_early_exists_is_compared(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.plant(PATH, b"content")
        bucket.proxy.add(opens_upload, Answer(412), times=2)
        store = open_gcs()
        assert create(store, PATH, b"content") is Outcome.ALREADY_SAME
        with pytest.raises(Conflict):
            create(store, PATH, b"other")
        assert not any(request.carries_bytes for request in bucket.proxy.requests)

    def test_an_exists_for_an_object_that_is_gone_is_tried_again(
        self, bucket: Bucket, open_gcs: OpenStore
    ) -> None:
        bucket.proxy.add(opens_upload, Answer(412))
        assert create(open_gcs(attempts=2), PATH, b"content") is Outcome.CREATED

    def test_a_composed_object_is_compared_by_its_bytes(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.plant(PATH, b"content")
        store = open_gcs()
        for crc32c, size, outcome in ("AAAAAA==", 7, Outcome.ALREADY_SAME), ("AAAAAA==", 8, Conflict):
            resource = json.dumps({"size": str(size), "crc32c": crc32c}).encode()
            bucket.proxy.add(lambda request: "fields" in request.query, Answer(200, resource))
            if outcome is Conflict:
                with pytest.raises(Conflict):
                    create(store, PATH, b"content")
            else:
                assert create(store, PATH, b"content") is outcome


class TestForbidden:
    """To a principal that may not delete, 403 can mean that the object exists."""

    def test_what_exists_is_compared(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.plant(PATH, b"content")
        bucket.proxy.add(lambda request: request.method != "GET", Answer(403), times=2)
        store = open_gcs()
        assert create(store, PATH, b"content") is Outcome.ALREADY_SAME
        with pytest.raises(Conflict):
            create(store, PATH, b"other")

    def test_what_does_not_exist_is_forbidden(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(opens_upload, Answer(403))
        with pytest.raises(Blocked, match="http-403"):
            create(open_gcs(), PATH, b"content")

    def test_so_is_what_may_not_be_looked_at(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(any_request, Answer(403), times=2)
        with pytest.raises(Blocked, match="http-403"):
            create(open_gcs(), PATH, b"content")
        assert bucket.stored(PATH) is None


class TestNoPartialObjects:
    """An object has all its bytes or is not there."""

    @pytest.mark.parametrize("act", [Action.RESET, Action.STALL, Answer(503)], ids=["reset", "stall", "503"])
    @pytest.mark.parametrize("chunk", [0, 1, 2])
    def test_an_upload_that_ends_early_leaves_nothing(
        self, bucket: Bucket, open_gcs: OpenStore, act: Action | Answer, chunk: int
    ) -> None:
        content = bytes(2 * CHUNK + 5)
        bucket.proxy.add(
            lambda request: request.headers.get("content-range", "").startswith(f"bytes {chunk * CHUNK}-"),
            act,
        )
        with pytest.raises(Retry):
            create(open_gcs(upload_chunk_bytes=CHUNK, request_timeout_s=0.3), PATH, content)
        assert bucket.stored(PATH) is None
        assert create(open_gcs(upload_chunk_bytes=CHUNK), PATH, content) is Outcome.CREATED
        assert bucket.stored(PATH) == content

    def test_a_fault_within_a_call_starts_the_upload_over(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        content = bytes(range(256)) * (3 * CHUNK // 256)
        bucket.proxy.add(
            lambda request: f"-{2 * CHUNK - 1}/" in request.headers.get("content-range", ""), Action.RESET
        )
        assert create(open_gcs(upload_chunk_bytes=CHUNK, attempts=2), PATH, content) is Outcome.CREATED
        assert bucket.stored(PATH) == content
        assert sum(request.opens_upload for request in bucket.proxy.requests) == 2

    def test_a_chunk_that_was_taken_in_part_is_continued(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        taken = 2 * CHUNK
        bucket.proxy.add(carries_bytes, Answer(308, headers={"Range": f"bytes=0-{taken - 1}"}))
        with pytest.raises(Retry):
            # The server has none of what the proxy swallowed, so only the request can be looked at.
            create(
                open_gcs(upload_chunk_bytes=4 * CHUNK, request_timeout_s=5),
                PATH,
                bytes(3 * CHUNK) + b"x" * CHUNK,
            )
        ranges = [
            request.headers["content-range"] for request in bucket.proxy.requests if request.carries_bytes
        ]
        assert ranges == [
            f"bytes 0-{4 * CHUNK - 1}/{4 * CHUNK}",
            f"bytes {taken}-{4 * CHUNK - 1}/{4 * CHUNK}",
        ]

    def test_an_upload_that_gets_nowhere_ends(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(carries_bytes, Answer(308), times=9)
        with pytest.raises(Retry, match="upload-without-progress"):
            create(open_gcs(), PATH, b"content")

    @pytest.mark.parametrize("status", [404, 410])
    def test_a_session_that_is_lost_is_opened_again(
        self, bucket: Bucket, open_gcs: OpenStore, status: int
    ) -> None:
        bucket.proxy.add(carries_bytes, Answer(status))
        assert create(open_gcs(attempts=2), PATH, b"content") is Outcome.CREATED

    def test_a_file_that_changes_under_the_upload_is_not_stored(
        self, bucket: Bucket, open_gcs: OpenStore, tmp_path: Path
    ) -> None:
        source = tmp_path / "outbox"
        source.write_bytes(b"content")

        def change(request: Request) -> bool:
            if request.opens_upload:
                source.write_bytes(b"CONTENT")
            return False

        bucket.proxy.add(change, Action.RESET)
        with pytest.raises(Retry, match="damaged-on-the-way"):
            open_gcs().create(PATH, source, sha256=sha256(b"content"))
        assert bucket.stored(PATH) is None

    def test_a_file_that_vanishes_under_the_upload_is_not_stored(
        self, bucket: Bucket, open_gcs: OpenStore, tmp_path: Path
    ) -> None:
        source = tmp_path / "outbox"
        source.write_bytes(b"content")
        bucket.proxy.add(lambda request: request.opens_upload and bool(source.unlink()), Action.RESET)
        with pytest.raises(IntegrityError, match="ENOENT"):
            open_gcs().create(PATH, source, sha256=sha256(b"content"))
        assert bucket.stored(PATH) is None


class TestDamage:
    def test_an_upload_that_is_damaged_is_not_stored(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(carries_bytes, Action.DAMAGE_REQUEST)
        with pytest.raises(Retry, match="damaged-on-the-way"):
            create(open_gcs(), PATH, b"content")
        assert bucket.stored(PATH) is None
        bucket.proxy.add(carries_bytes, Action.DAMAGE_REQUEST)
        assert create(open_gcs(attempts=2), PATH, b"content") is Outcome.CREATED

    def test_damage_that_the_server_takes_is_seen(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        content = bytes(CHUNK + 5)
        bucket.proxy.add(carries_bytes, Action.DAMAGE_REQUEST)
        with pytest.raises(Conflict, match="stored-with-other-content"):
            create(open_gcs(upload_chunk_bytes=CHUNK), PATH, content)
        assert bucket.stored(PATH) != content

    @pytest.mark.parametrize("act", [Action.DAMAGE_ANSWER, Action.CUT_ANSWER], ids=["damaged", "cut"])
    def test_a_download_that_is_damaged_is_not_passed_on(
        self, bucket: Bucket, open_gcs: OpenStore, act: Action
    ) -> None:
        bucket.plant(PATH, b"content")
        bucket.proxy.add(any_request, act, times=2)
        with pytest.raises(Retry):
            open_gcs().read(PATH)
        assert open_gcs(attempts=2).read(PATH) == b"content"

    def test_a_range_that_is_cut_is_not_passed_on(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        content = bytes(200_000)
        bucket.plant(PATH, content)
        with open_gcs().open_input(PATH) as file:
            bucket.proxy.add(any_request, Answer(206, b"too short"))
            with pytest.raises(Retry, match="connection-lost"):
                file.read(100)
            assert file.read(100) == content[:100]
            # A server may send all of it instead.
            bucket.proxy.add(any_request, Answer(200, content))
            assert file.read_at(50, 60) == content[60:110]


STATUSES: list[tuple[int, bytes, type[StoreError], str]] = [
    (301, b"", Blocked, "http-301"),
    (400, reason("invalid"), Refused, "http-400"),
    (401, reason("authError"), Blocked, "http-401"),
    (403, reason("forbidden"), Blocked, "http-403"),
    (403, reason("quotaExceeded"), Blocked, "quota"),
    (403, reason("userRateLimitExceeded"), Blocked, "quota"),
    (403, b"[]", Blocked, "http-403"),
    (403, b'{"error": "text"}', Blocked, "http-403"),
    (403, b"<xml>", Blocked, "http-403"),
    (404, b"The specified bucket does not exist.", Blocked, "bucket-missing"),
    (405, b"", Blocked, "http-405"),
    (407, b"", Blocked, "http-407"),
    (408, b"", Retry, "http-408"),
    (413, b"", Refused, "http-413"),
    (422, b"", Refused, "http-422"),
    (429, reason("rateLimitExceeded"), Retry, "http-429"),
    (500, b"", Retry, "http-500"),
    (502, b"", Retry, "http-502"),
    (503, b"", Retry, "http-503"),
    (504, b"", Retry, "http-504"),
]


class TestClasses:
    @pytest.mark.parametrize(("status", "body", "kind", "cause"), STATUSES)
    def test_a_status_says_who_has_to_act(
        self,
        bucket: Bucket,
        open_gcs: OpenStore,
        status: int,
        body: bytes,
        kind: type[StoreError],
        cause: str,
    ) -> None:
        bucket.proxy.add(any_request, Answer(status, body), times=99)
        store = open_gcs()
        calls: list[Callable[[], object]] = [
            lambda: create(store, PATH, b"content"),
            lambda: store.read(PATH),
            lambda: store.size(PATH),
            lambda: store.open_input(PATH),
            lambda: list(store.list()),
        ]
        for call in calls:
            with pytest.raises(kind) as caught:
                call()
            assert type(caught.value) is kind
            assert caught.value.cause == cause
            assert "secret" not in str(caught.value)
        assert bucket.stored(PATH) is None

    def test_without_a_bucket_nothing_can_be_created(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(opens_upload, Answer(404, b"Not Found"))
        with pytest.raises(Blocked, match="bucket-missing"):
            create(open_gcs(), PATH, b"content")

    def test_without_a_bucket_nothing_can_be_listed(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(any_request, Answer(404, b"Not Found"))
        with pytest.raises(Blocked, match="bucket-missing"):
            list(open_gcs().list())

    def test_a_missing_object_in_a_bucket_with_a_telling_name_is_missing(
        self, bucket: Bucket, open_gcs: OpenStore
    ) -> None:
        bucket.proxy.add(any_request, Answer(404, b"No such object: the-bucket/does-not-exist"))
        with pytest.raises(Missing):
            open_gcs().read(PATH)

    def test_a_name_that_is_not_known_is_blocked(self, open_gcs: OpenStore) -> None:
        with pytest.raises(Blocked, match="dns"):
            create(open_gcs(gcs_endpoint="http://nowhere.invalid:9"), PATH, b"content")

    def test_a_certificate_that_is_not_trusted_is_blocked(self, open_gcs: OpenStore) -> None:
        server = FakeGcsServer.start(scheme="https")
        try:
            with pytest.raises(Blocked, match="tls"):
                create(open_gcs(gcs_endpoint=server.endpoint), PATH, b"content")
        finally:
            server.stop()

    def test_nobody_listening_is_retried(self, fake_gcs: FakeGcsServer, open_gcs: OpenStore) -> None:
        with fault_proxy(fake_gcs.port) as stopped:
            pass
        with pytest.raises(Retry, match="connect"):
            create(open_gcs(gcs_endpoint=stopped.endpoint), PATH, b"content")

    @pytest.mark.parametrize("headers", [{}, {"Location": "::not a url::"}])
    def test_an_upload_without_a_session_is_retried(
        self, bucket: Bucket, open_gcs: OpenStore, headers: dict[str, str]
    ) -> None:
        bucket.proxy.add(opens_upload, Answer(200, headers=headers))
        with pytest.raises(Retry, match="upload-without-session"):
            create(open_gcs(), PATH, b"content")


class TestPatience:
    def test_a_passing_fault_is_not_seen(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        store = open_gcs(attempts=3)
        bucket.proxy.add(any_request, Answer(503))
        bucket.proxy.add(any_request, Action.RESET)
        assert create(store, PATH, b"content") is Outcome.CREATED
        bucket.proxy.add(any_request, Answer(429), times=2)
        assert store.read(PATH) == b"content"

    @pytest.mark.parametrize("attempts", [1, 3])
    def test_attempts_are_counted(self, bucket: Bucket, open_gcs: OpenStore, attempts: int) -> None:
        bucket.proxy.add(any_request, Answer(503), times=99)
        with pytest.raises(Retry, match="http-503"):
            create(open_gcs(attempts=attempts), PATH, b"content")
        assert len(bucket.proxy.requests) == attempts

    @pytest.mark.parametrize(("status", "kind"), [(400, Refused), (401, Blocked), (404, Missing)])
    def test_what_does_not_pass_is_not_tried_again(
        self, bucket: Bucket, open_gcs: OpenStore, status: int, kind: type[StoreError]
    ) -> None:
        bucket.proxy.add(any_request, Answer(status), times=99)
        with pytest.raises(kind):
            open_gcs(attempts=5).read(PATH)
        assert len(bucket.proxy.requests) == 1

    @pytest.mark.parametrize("on", [opens_upload, carries_bytes], ids=["session", "bytes"])
    def test_a_server_that_stalls_is_left(
        self, bucket: Bucket, open_gcs: OpenStore, on: Callable[[Request], bool]
    ) -> None:
        bucket.proxy.add(on, Action.STALL)
        began = monotonic()
        with pytest.raises(Retry, match="timeout"):
            create(open_gcs(request_timeout_s=0.3), PATH, b"content")
        assert monotonic() - began < 10

    def test_a_call_ends_though_each_request_might_go_on(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        bucket.proxy.add(any_request, Answer(503), times=10**9)
        began = monotonic()
        with pytest.raises(Retry, match="timeout"):
            create(open_gcs(attempts=10**6, call_timeout_s=0.3), PATH, b"content")
        assert monotonic() - began < 10

    def test_closing_ends_a_call_under_way(self, bucket: Bucket, open_gcs: OpenStore) -> None:
        arrived = threading.Event()
        bucket.proxy.add(lambda _: arrived.set() or True, Action.STALL)
        store: Store = open_gcs()
        caught: list[Exception] = []

        def work() -> None:
            try:
                create(store, PATH, b"content")
            except Retry as error:
                caught.append(error)

        worker = threading.Thread(target=work)
        worker.start()
        assert arrived.wait(10)
        store.close()
        worker.join(10)
        assert [str(error) for error in caught] == ["closed"]
