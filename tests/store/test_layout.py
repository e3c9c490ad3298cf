"""The layout builds every path in one spelling and parses nothing else."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_audit.errors import InputError
from otel_audit.store import layout
from otel_audit.store.layout import (
    CompactedFile,
    FileName,
    LogFile,
    ManifestFile,
    Partition,
    PolicyFile,
    ProbeFile,
    RegistryFile,
    StreamMarker,
    TableName,
    WriterName,
)
from otel_audit.store.names import EXTENSIONS, slug

WRITER = WriterName("shop-assistant", date(2026, 11, 21), "5f2c91ab")
NAME = FileName(WRITER, 42, 1, "0123456789ab", "parquet")
PARTITION = Partition.of(date(2026, 11, 21), 18)

STEM = "shop-assistant-20261121-5f2c91ab-0000000042"

SPELLED = {
    f"log/platform/date=2026-11-21/hour=18/{STEM}-1-0123456789ab.parquet": (
        LogFile(TableName("platform"), PARTITION, NAME)
    ),
    f"log/model-io-2/date=2026-11-21/hour=00/{STEM}-63-0123456789ab.r1.ndjson.gz": (
        LogFile(
            TableName("model-io", 2),
            Partition.of(date(2026, 11, 21), 0),
            FileName(WRITER, 42, 63, "0123456789ab", "ndjson.gz", revision=1),
        )
    ),
    f"compact/platform/date=2026-11-21/{STEM}-0-0123456789ab.parquet": (
        CompactedFile(
            TableName("platform"), date(2026, 11, 21), FileName(WRITER, 42, 0, "0123456789ab", "parquet")
        )
    ),
    "_audit/manifests/date=2026-11-21/shop-assistant-20261121-5f2c91ab/0000000042.json": ManifestFile(
        WRITER, 42
    ),
    "_audit/streams/model-io.json": StreamMarker(TableName("model-io")),
    "_audit/streams/platform-2.json": StreamMarker(TableName("platform", 2)),
    "_audit/policies/" + "4c" * 32 + ".json": PolicyFile("4c" * 32),
    "_audit/models/0000000003.json": RegistryFile(3),
    "_audit/probe/0123456789abcdef": ProbeFile("0123456789abcdef"),
}

days = st.dates()
writers = st.builds(
    WriterName,
    st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True),
    days,
    st.from_regex(r"[0-9a-f]{8}", fullmatch=True),
)
tables = st.builds(TableName, st.sampled_from(["platform", "model-io"]), st.integers(1, 10**9 - 1))
partitions = st.builds(Partition.of, days, st.integers(0, 23))
names = st.builds(
    FileName,
    writers,
    st.integers(1, 10**10 - 1),
    st.integers(0, 10**9 - 1),
    st.from_regex(r"[0-9a-f]{12}", fullmatch=True),
    st.sampled_from(EXTENSIONS),
    st.integers(0, 10**9 - 1),
)
objects = st.one_of(
    st.builds(LogFile, tables, partitions, names),
    st.builds(CompactedFile, tables, days, names),
    st.builds(ManifestFile, writers, st.integers(1, 10**10 - 1)),
    st.builds(StreamMarker, tables),
    st.builds(PolicyFile, st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
    st.builds(RegistryFile, st.integers(1, 10**10 - 1)),
    st.builds(ProbeFile, st.from_regex(r"[0-9a-f]{16}", fullmatch=True)),
)


@pytest.mark.parametrize("path", SPELLED)
def test_paths_are_spelled_as_the_format_says(path: str) -> None:
    assert SPELLED[path].path == path
    assert layout.parse(path) == SPELLED[path]


@given(objects)
def test_every_value_survives_its_path(value: layout.ObjectPath) -> None:
    assert layout.parse(value.path) == value
    assert value.path.isascii()
    assert max(map(len, value.path.split("/"))) <= 255


@given(st.sampled_from(sorted(SPELLED)), st.data())
def test_a_path_with_one_character_changed_is_foreign_or_canonical(path: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(path) - 1))
    other = path[:place] + data.draw(st.characters(codec="utf-8")) + path[place + 1 :]
    try:
        value = layout.parse(other)
    except InputError:
        return
    assert value.path == other


LOG_FILE = next(iter(SPELLED))


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "README.md",
        "/" + LOG_FILE,
        LOG_FILE + "/",
        LOG_FILE + "\n",
        "./" + LOG_FILE,
        LOG_FILE.replace("log/", "log//"),
        LOG_FILE.replace("log/", "log/../log/"),
        LOG_FILE.replace("/", "\\"),
        LOG_FILE.replace("platform", ".."),
        LOG_FILE.replace("platform", "payments"),
        LOG_FILE.replace("platform", "platform-1"),
        LOG_FILE.replace("platform", "platform-02"),
        LOG_FILE.replace("platform", "PLATFORM"),
        LOG_FILE.replace("date=", "day="),
        LOG_FILE.replace("2026-11-21", "2026-02-30"),
        LOG_FILE.replace("2026-11-21", "2026-11-2"),
        LOG_FILE.replace("2026-11-21", "20261121"),
        LOG_FILE.replace("2026-11-21", "2026-W47-6"),
        LOG_FILE.replace("hour=18", "hour=24"),
        LOG_FILE.replace("hour=18", "hour=8"),
        LOG_FILE.replace("hour=18", "hour=018"),
        LOG_FILE.replace("hour=18", "hour=٣٣"),
        LOG_FILE.replace("0000000042", "42"),
        LOG_FILE.replace("0000000042", "0000000000"),
        LOG_FILE.replace("-1-", "-00-"),
        LOG_FILE.replace("-1-", "-01-"),
        LOG_FILE.replace("-1-", "-" + "1" * 5000 + "-"),
        LOG_FILE.replace("0123456789ab", "0123456789AB"),
        LOG_FILE.replace("0123456789ab", "0123456789abc"),
        LOG_FILE.replace(".parquet", ".r0.parquet"),
        LOG_FILE.replace(".parquet", ".parquet.r1"),
        LOG_FILE.replace(".parquet", ".csv"),
        LOG_FILE.replace(".parquet", ""),
        LOG_FILE.replace("20261121", "20261321"),
        "log/platform/date=2026-11-21/" + LOG_FILE.rsplit("/", 1)[1],
        "compact/platform/date=2026-11-21/hour=18/" + LOG_FILE.rsplit("/", 1)[1],
        # The folder's day must be the one in the writer's name, else one manifest would have many paths.
        "_audit/manifests/date=2026-11-22/shop-assistant-20261121-5f2c91ab/0000000042.json",
        "_audit/manifests/date=2026-11-21/shop-assistant-20261121-5f2c91ab/0000000042.json.json",
        "_audit/manifests/date=2026-11-21/shop-assistant-20261121-5f2c91ab/0000000042",
        "_audit/manifests/date=2026-11-21/../0000000042.json",
        "_audit/streams/platform",
        "_audit/policies/sha256:" + "4c" * 32 + ".json",
        "_audit/models/churn/0000000003.json",
        "_audit/models/3.json",
        "_audit/probe/xyz",
        "\ud800",
    ],
)
def test_foreign_paths_are_refused_by_name(path: str) -> None:
    with pytest.raises(InputError) as caught:
        layout.parse(path)
    assert caught.value.source == path


def test_a_data_file_tells_its_manifest() -> None:
    file = layout.parse(LOG_FILE)
    assert isinstance(file, LogFile)
    assert file.manifest.path == (
        "_audit/manifests/date=2026-11-21/shop-assistant-20261121-5f2c91ab/0000000042.json"
    )
    copy = FileName(WRITER, 42, 1, "0123456789ab", "parquet", revision=1)
    assert LogFile(TableName("platform"), PARTITION, copy).manifest == file.manifest
    assert CompactedFile(TableName("platform"), PARTITION.day, NAME).manifest == file.manifest


@given(objects)
def test_prefixes_hold_what_is_under_them(value: layout.ObjectPath) -> None:
    match value:
        case LogFile(table, partition):
            prefixes = [layout.log_prefix(table, each) for each in (None, partition.day, partition)]
        case ManifestFile(writer):
            prefixes = [layout.manifests_prefix(each) for each in (None, writer.opened, writer)]
        case _:
            prefixes = []
    assert all(value.path.startswith(prefix) and prefix.endswith("/") for prefix in prefixes)


def test_the_prefix_of_a_table_leaves_its_next_edition_out() -> None:
    later = LogFile(TableName("platform", 2), PARTITION, NAME).path
    assert not later.startswith(layout.log_prefix(TableName("platform")))


@given(writers, st.integers(1, 10**10 - 1), st.integers(1, 10**10 - 1))
def test_manifests_are_listed_in_order_of_commit(writer: WriterName, one: int, other: int) -> None:
    assert (ManifestFile(writer, one).path < ManifestFile(writer, other).path) == (one < other)


@given(st.integers(-(10**7), 10**8))
def test_partitions_count_hours_since_the_epoch(hours: int) -> None:
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    except OverflowError:
        with pytest.raises(ValueError, match="outside the years"):
            Partition(hours)
        return
    partition = Partition(hours)
    assert partition.path == moment.strftime(f"date={moment.year:04d}-%m-%d/hour=%H")
    assert Partition.at(moment) == Partition.of(partition.day, partition.hour) == partition


def test_a_moment_is_partitioned_in_utc() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert Partition.at(datetime(2026, 11, 22, 3, 59, tzinfo=tokyo)) == PARTITION
    with pytest.raises(ValueError, match="time zone"):
        Partition.at(datetime(2026, 11, 22, 3))  # noqa: DTZ001 - what is refused


@given(st.text())
def test_any_text_has_a_slug(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", slug(text))
    assert slug(slug(text)) == slug(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("shop-assistant", "shop-assistant"),
        ("Shop Assistant", "shop-assistant-d419be7e"),
        ("../../etc/passwd", "etc-passwd-3754d6cb"),
        ("", "unnamed-e3b0c442"),
    ],
)
def test_slugs_never_change(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_names_that_fold_alike_stay_apart() -> None:
    alike = ["shop assistant", "Shop Assistant", "shop_assistant", "shop-assistant", "shop\ud800assistant"]
    assert len({slug(text) for text in alike}) == len(alike)


def test_a_new_writer_is_named_after_its_service_and_day() -> None:
    one, other = (WriterName.new("Shop Assistant", date(2026, 11, 21)) for _ in range(2))
    assert one != other
    assert re.fullmatch(r"shop-assistant-[0-9a-f]{8}-20261121-[0-9a-f]{8}", str(one))
    assert WriterName.parse(str(one)) == one
    assert ProbeFile.new() != ProbeFile.new()


@pytest.mark.parametrize(
    "text", ["shop", "shop-20261121", "shop-20261321-5f2c91ab", "Shop-20261121-5f2c91ab", ""]
)
def test_other_texts_are_no_writer(text: str) -> None:
    with pytest.raises(InputError, match="writer"):
        WriterName.parse(text)


@pytest.mark.parametrize("text", ["", "payments", "platform-0", "platform-1", "platform-x", "platform\n"])
def test_other_texts_are_no_table(text: str) -> None:
    with pytest.raises(InputError, match="table"):
        TableName.parse(text)


@pytest.mark.parametrize(
    "build",
    [
        lambda: WriterName("../x", date(2026, 11, 21), "5f2c91ab"),
        lambda: WriterName("shop", date(2026, 11, 21), "5F2C91AB"),
        lambda: TableName("payments"),
        lambda: TableName("platform", 0),
        lambda: FileName(WRITER, 0, 1, "0123456789ab", "parquet"),
        lambda: FileName(WRITER, 10**10, 1, "0123456789ab", "parquet"),
        lambda: FileName(WRITER, 1, -1, "0123456789ab", "parquet"),
        lambda: FileName(WRITER, 1, 1, "0123", "parquet"),
        lambda: FileName(WRITER, 1, 1, "0123456789ab", "parquet/../../x"),
        lambda: FileName(WRITER, 1, 1, "0123456789ab", "parquet", -1),
        lambda: ManifestFile(WRITER, 0),
        lambda: PolicyFile("sha256:" + "4c" * 32),
        lambda: RegistryFile(0),
        lambda: ProbeFile("../x"),
        lambda: Partition.of(date(2026, 11, 21), 24),
        lambda: Partition(10**30),
    ],
)
def test_values_are_checked_when_built(build) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each says its own rule
        build()
