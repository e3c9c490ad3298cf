"""`otel-audit doctor`: what is set, whether it works, what is lost when."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Invoke
from otel_audit.cli.doctor import destinations, surroundings
from otel_audit.cli.doctor.finding import Finding


def sections(invoke: Invoke, *options: object, exit_code: int = 0) -> dict[str, list[Finding]]:
    result = invoke("doctor", "--format", "json", *options)
    assert result.exit_code == exit_code, result.output
    return {title: [Finding(**one) for one in of] for title, of in json.loads(result.stdout).items()}


def said(findings: list[Finding], level: str = "") -> str:
    return "\n".join(one.text for one in findings if level in ("", one.level))


def test_a_folder_works_and_protects_nothing(invoke: Invoke, tmp_path: Path) -> None:
    found = sections(invoke, "-d", tmp_path / "log")["destinations"]
    assert "created and read _audit/probe/" in said(found, "ok")
    assert "may overwrite and delete" in said(found, "warning")
    assert [path for path in (tmp_path / "log").rglob("*") if path.is_file()] == []


def test_settings_are_those_in_force(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_ROTATION_MAX_AGE", "5s")
    monkeypatch.setenv("OTEL_AUDIT_DELIVERY", "best-effort")
    found = sections(invoke, "-d", tmp_path / "log")
    assert "rotation.max_age = 5.0" in said(found["settings"])
    assert "streams.model-io.format = parquet" in said(found["settings"])
    lost = said(found["what is lost (delivery = best-effort)"])
    assert "dropped at once" in lost
    assert "last 5 s" in lost


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_is_shown(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_MASK_KEY", "correct-horse-battery-staple-0123456789")
    result = invoke("doctor", "-d", tmp_path / "log", "--format", form)
    assert result.exit_code == 0
    assert "mask.key = ***" in result.stdout
    assert "correct-horse" not in result.output
    assert "become pseudonyms" in result.stdout


def test_a_destination_that_cannot_be_written_is_a_problem(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    found = sections(invoke, "-d", tmp_path / "file" / "log", exit_code=1)["destinations"]
    assert "a file is in the way" in said(found, "problem")


def test_no_destination_is_a_problem(invoke: Invoke) -> None:
    found = sections(invoke, exit_code=1)["destinations"]
    assert "OTEL_AUDIT_DESTINATION" in said(found, "problem")


def test_every_destination_is_tried(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "audit.toml"
    config.write_text(
        f'[log]\ndestination = "{tmp_path}/one"\n'
        f'[[streams.model-io.destinations]]\nurl = "{tmp_path}/two"\n'
        f'[[models]]\nname = "churn"\npii = true\n'
        f'[[mask.rules]]\nfield = "requestHeaders.x-tenant-*"\noperator = "keep"\n'
    )
    monkeypatch.setenv("OTEL_AUDIT_CONFIG", str(config))
    found = sections(invoke)
    assert f"{tmp_path}/one (platform)" in said(found["destinations"], "ok")
    assert f"{tmp_path}/two (model-io)" in said(found["destinations"], "ok")
    assert "never written for: churn" in said(found["masking"])
    assert "requestHeaders.x-tenant-* is written as it is" in said(found["masking"], "warning")


def test_names_and_addresses_stay_and_that_is_said(invoke: Invoke, tmp_path: Path) -> None:
    found = sections(invoke, "-d", tmp_path / "log")["masking"]
    assert "names of persons and postal addresses" in said(found, "warning")
    assert "CREDIT_CARD" in said(found)


def test_a_spool_that_cannot_be_written_is_a_problem(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_SPOOL", "/proc/1/spool")
    found = sections(invoke, "-d", tmp_path / "log", exit_code=1)["spool"]
    assert "cannot be written" in said(found, "problem")


def test_a_person_reads_marks(invoke: Invoke, tmp_path: Path) -> None:
    shown = invoke("doctor", "-d", tmp_path / "log").stdout
    assert "\n  ok " in shown
    assert "\n  warning " in shown
    assert "\ndestinations\n" in shown


def test_a_wrong_setting_ends_with_2(invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DELIVERY", "sometimes")
    result = invoke("doctor", "-d", tmp_path / "log")
    assert result.exit_code == 2
    assert "blocking" in result.stderr


class TestSurroundings:
    def test_what_takes_spans_away_is_a_warning(self) -> None:
        environment = {
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "16",
            "OTEL_PYTHON_FLASK_EXCLUDED_URLS": "health",
        }
        warnings = said(list(surroundings.findings(environment, has_destination=True)), "warning")
        for name in environment:
            assert name in warnings

    def test_the_default_sampler_is_not(self) -> None:
        found = surroundings.findings({"OTEL_TRACES_SAMPLER": "parentbased_always_on"}, has_destination=True)
        assert "SAMPLER" not in said(list(found))

    def test_a_disabled_sdk_is_a_problem_where_something_is_to_be_audited(self) -> None:
        environment = {"OTEL_SDK_DISABLED": "true"}
        assert said(list(surroundings.findings(environment, has_destination=True)), "problem")
        assert not said(list(surroundings.findings(environment, has_destination=False)), "problem")

    def test_instrumentations_are_named(self) -> None:
        found = said(list(surroundings.findings({}, has_destination=True)))
        assert "requests" in found
        assert "pyarrow" in found


def test_a_memory_destination_is_warned_of() -> None:
    found = list(destinations.findings({"memory://doctor": ("platform",)}))
    assert "gone when the process ends" in said(found, "warning")


def test_orphans_are_looked_for_when_asked(invoke: Invoke, tmp_path: Path) -> None:
    found = sections(invoke, "-d", tmp_path / "log", "--orphans")
    assert "every file older than a day is in a commit" in said(found["orphans"], "ok")
    assert "orphans" not in sections(invoke, "-d", tmp_path / "log")


@pytest.mark.parametrize(
    ("delivery", "sentence"), [("blocking", "5 s an episode"), ("strict", "the health fails")]
)
def test_each_delivery_mode_says_what_is_lost(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, delivery: str, sentence: str
) -> None:
    monkeypatch.setenv("OTEL_AUDIT_DELIVERY", delivery)
    found = sections(invoke, "-d", tmp_path / "log")
    assert sentence in said(found[f"what is lost (delivery = {delivery})"])
