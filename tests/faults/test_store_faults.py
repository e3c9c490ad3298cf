"""Every fault of a network or a cloud, on every cloud: classed right, and nothing lost or made twice after it."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from time import monotonic

import pytest

from contracts.store_contract import PATH, create
from faults.torture.breaking import EXPIRED_TOKEN
from otel_audit.errors import Blocked, Missing, Refused, Retry, StoreError
from otel_audit.store.base import ObjectInfo, Outcome
from servers.clouds import Cloud
from servers.fault_proxy import Action, Answer, Request

CONTENTS = {"small": b"content", "large": bytes(range(256)) * (11 * 2**20 // 256)}
"""In one request, and in chunks of 8 MiB."""


SLOW = (Action.STALL, Action.DRIP)


def any_request(_: Request) -> bool:
    return True


FAULTS: list[tuple[str, Action | Answer, type[StoreError], str]] = [
    ("429", Answer(429), Retry, "http-429"),
    ("500", Answer(500), Retry, "http-500"),
    ("503", Answer(503), Retry, "http-503"),
    ("401", Answer(401), Blocked, "http-401"),
    ("403", Answer(403), Blocked, "http-403"),
    ("reset", Action.RESET, Retry, "connection-lost"),
    ("stall", Action.STALL, Retry, "timeout"),
    ("drip", Action.DRIP, Retry, "timeout"),
]


def check_is_there_once(cloud: Cloud, content: bytes) -> None:
    assert cloud.stored(PATH) == content
    store = cloud.open()
    assert list(store.list()) == [ObjectInfo(PATH, len(content))]
    assert store.read(PATH) == content


@pytest.mark.parametrize("size", CONTENTS)
@pytest.mark.parametrize(
    ("act", "kind", "cause"), [each[1:] for each in FAULTS], ids=[each[0] for each in FAULTS]
)
def test_a_fault_is_classed_and_passes_without_a_restart(
    cloud: Cloud, act: Action | Answer, kind: type[StoreError], cause: str, size: str
) -> None:
    content, away = CONTENTS[size], True
    cloud.proxy.add(lambda _: away, act, times=10**6)
    store = cloud.open(request_timeout_s=3.0 if act in SLOW else 30.0)
    began = monotonic()
    with pytest.raises(kind) as caught:
        create(store, PATH, content)
    assert type(caught.value) is kind
    assert caught.value.cause == cause
    assert monotonic() - began < 20
    away = False
    assert create(store, PATH, content) in Outcome
    assert create(store, PATH, content) is Outcome.ALREADY_SAME
    check_is_there_once(cloud, content)


@pytest.mark.parametrize("size", CONTENTS)
def test_a_token_that_expired_is_waited_for_and_nothing_is_refused(cloud: Cloud, size: str) -> None:
    """S3 says so with a 400, which for anything else is a verdict on the object."""
    scheme, content = cloud.url.partition(":")[0], CONTENTS[size]
    is_expired = True
    cloud.proxy.add(lambda _: is_expired, EXPIRED_TOKEN[scheme], times=10**6)
    store = cloud.open()
    with pytest.raises(Blocked) as caught:
        create(store, PATH, content)
    # S3 answers a HEAD by the status alone.
    causes = {"gs": {"http-401"}, "s3": {"credentials", "http-400"}, "abfs": {"credentials"}}
    assert caught.value.cause in causes[scheme]
    assert "EXAMPLE" not in str(caught.value)
    is_expired = False
    assert create(store, PATH, content) in Outcome
    check_is_there_once(cloud, content)


@pytest.mark.parametrize("size", CONTENTS)
@pytest.mark.parametrize("attempts", [1, 2])
def test_an_object_whose_answer_is_lost_is_found_and_not_made_twice(
    cloud: Cloud, size: str, attempts: int
) -> None:
    content = CONTENTS[size]

    def last(request: Request) -> bool:
        """Of an upload in chunks the one that ends it."""
        span = request.headers.get("content-range", "")
        return cloud.commits(request) and (not span or f"-{len(content) - 1}/" in span)

    cloud.proxy.add(last, Action.LOSE_ANSWER)
    store = cloud.open(attempts=attempts)
    # A client's transport may ask again by itself, and is told that the object exists.
    outcome: Outcome | str
    try:
        outcome = create(store, PATH, content)
    except Retry as error:
        outcome = error.cause
    assert outcome in ({Outcome.ALREADY_SAME, "connection-lost"} if attempts == 1 else {Outcome.ALREADY_SAME})
    assert cloud.stored(PATH) == content
    assert create(store, PATH, content) is Outcome.ALREADY_SAME
    check_is_there_once(cloud, content)


@pytest.mark.parametrize("act", [Action.RESET, Action.STALL, Answer(503)], ids=["reset", "stall", "503"])
def test_an_upload_that_ends_before_its_end_leaves_nothing(cloud: Cloud, act: Action | Answer) -> None:
    content = CONTENTS["large"]
    cloud.proxy.add(lambda request: len(request.body) > 2**20, act, times=10**6)
    with pytest.raises(Retry):
        create(cloud.open(request_timeout_s=2.0), PATH, content)
    assert cloud.stored(PATH) is None
    cloud.proxy.faults.clear()
    assert create(cloud.open(), PATH, content) is Outcome.CREATED
    check_is_there_once(cloud, content)


def test_a_name_that_does_not_resolve_is_blocked_and_passes(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value.replace("localhost", "nowhere.invalid"))
    with pytest.raises(Blocked, match="dns"):
        create(cloud.open(), PATH, b"content")
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    assert create(cloud.open(), PATH, b"content") is Outcome.CREATED


def test_nobody_listening_is_retried(cloud: Cloud) -> None:
    cloud.proxy.stop()
    with pytest.raises(Retry, match="connect"):
        create(cloud.open(), PATH, b"content")


@pytest.mark.parametrize("status", [400, 413, 422])
def test_an_object_that_is_not_wanted_is_refused(cloud: Cloud, status: int) -> None:
    cloud.proxy.add(lambda request: request.method != "GET", Answer(status), times=99)
    with pytest.raises(Refused, match=f"http-{status}"):
        create(cloud.open(), PATH, b"content")


@pytest.mark.parametrize("call", ["create", "list"])
def test_a_bucket_that_is_not_there_is_blocked(cloud: Cloud, call: str) -> None:
    cloud.url = cloud.url.replace("test-", "none-")
    store = cloud.open()
    with pytest.raises(Blocked, match="bucket-missing"):
        create(store, PATH, b"content") if call == "create" else list(store.list())


@pytest.mark.parametrize(
    ("status", "kind", "cause"),
    [
        (401, Blocked, "http-401"),
        (403, Blocked, "http-403"),
        (404, Missing, "http-404"),
        (429, Retry, "http-429"),
        (503, Retry, "http-503"),
    ],
)
def test_reading_is_classed_too(cloud: Cloud, status: int, kind: type[StoreError], cause: str) -> None:
    cloud.plant(PATH, b"content")
    cloud.proxy.add(any_request, Answer(status), times=99)
    store = cloud.open()
    calls: list[Callable[[], object]] = [
        lambda: store.read(PATH), lambda: store.size(PATH), lambda: store.open_input(PATH)
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(kind) as caught:
            call()
        assert (type(caught.value), caught.value.cause) == (kind, cause)


def test_a_download_that_is_damaged_is_not_passed_on(cloud: Cloud) -> None:
    create(cloud.open(), PATH, b"content")
    cloud.proxy.add(any_request, Action.DAMAGE_ANSWER)
    with pytest.raises(Retry, match="damaged-on-the-way"):
        cloud.open().read(PATH)
    cloud.proxy.add(any_request, Action.DAMAGE_ANSWER)
    assert cloud.open(attempts=2).read(PATH) == b"content"


# Azure's client asks again by itself, and leaves the connection that broke to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_download_that_is_cut_is_not_passed_on(cloud: Cloud) -> None:
    create(cloud.open(), PATH, b"content")
    cloud.proxy.add(any_request, Action.CUT_ANSWER, times=10**6)
    with pytest.raises(Retry, match="connection-lost"):
        cloud.open().read(PATH)
    cloud.proxy.faults.clear()
    cloud.proxy.add(any_request, Action.CUT_ANSWER)
    assert cloud.open(attempts=2).read(PATH) == b"content"
    gc.collect()


def test_waiting_for_a_store_takes_no_memory(cloud: Cloud) -> None:
    content = CONTENTS["large"][: 2**20]
    cloud.proxy.add(any_request, Answer(503), times=10**6)
    store = cloud.open()

    def fail(times: int) -> None:
        for _ in range(times):
            with pytest.raises(Retry):
                create(store, PATH, content)
        cloud.proxy.requests.clear()
        gc.collect()

    fail(20)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        fail(60)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # A single upload that stayed would be a megabyte.
    assert after - before < 2**19
    cloud.proxy.faults.clear()
    assert create(store, PATH, content) is Outcome.CREATED
