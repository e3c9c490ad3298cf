"""Settings: precedence, refusals that say what to do, and secrets that never show."""

from __future__ import annotations

import logging

import pytest

from otel_audit.config import Secret, leaves, load
from otel_audit.errors import ConfigurationError

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> dict[str, str]:
        path = tmp_path / "otel-audit.toml"
        path.write_text(text, encoding="utf-8")
        return {"OTEL_AUDIT_CONFIG": str(path)}

    return write


def test_argument_wins_over_environment_over_declarative_over_file(toml):
    environment = toml(
        '[log]\ndestination = "file"\ntenant = "file"\nspool = "file"\n[rotation]\nmax_age = "1m"\n'
    )
    environment |= {"OTEL_AUDIT_TENANT": "environment", "OTEL_AUDIT_DESTINATION": "environment"}
    settings = load(
        {"destination": "argument"},
        declarative={"spool": "declarative", "tenant": "declarative"},
        environment=environment,
    )
    assert settings.log.destination == "argument"
    assert settings.log.tenant == "environment"
    assert settings.log.spool == "declarative"
    assert settings.rotation.max_age == 60.0


def test_every_single_setting_can_be_given_in_the_environment():
    for leaf in leaves():
        value = {"max_bytes": "2MiB", "max_age": "7s"}.get(leaf.path[-1])
        if value:
            settings: object = load(environment={leaf.variable: value})
            for part in leaf.path:
                settings = getattr(settings, part.replace("-", "_"))
            assert settings == {"max_bytes": 2 << 20, "max_age": 7.0}[leaf.path[-1]]


def test_names_follow_the_documented_scheme():
    names = {leaf.variable for leaf in leaves()}
    assert {"OTEL_AUDIT_DESTINATION", "OTEL_AUDIT_SPOOL", "OTEL_AUDIT_ROTATION_MAX_AGE"} <= names
    assert "OTEL_AUDIT_STREAMS_MODEL_IO_FORMAT" in names


def test_sections_and_lists_as_arguments():
    settings = load(
        {
            "streams": {"model-io": {"format": "ndjson", "destinations": [{"url": "gs://models/prod"}]}},
            "models": [{"name": "churn", "pii": True}],
        },
        environment={},
    )
    assert settings.streams.model_io.destinations[0].url == "gs://models/prod"
    assert settings.models[0].pii is True


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[rotation]\nmax_agee = "60s"\n', ["rotation.max_agee", "max_age", "did you mean"]),
        ('[rotation]\nmax_age = "soon"\n', ["rotation.max_age", "'soon'", '"60s"']),
        ("rotation = 3\n", ["rotation", "table"]),
        ('[streams.model-io]\nformat = "csv"\n', ["streams.model-io.format", "'csv'", "parquet or ndjson"]),
        ("[[models]]\npii = true\n", ["models[0].name", "missing"]),
        ('[models]\nname = "x"\n', ["models", "list of tables"]),
    ],
)
def test_a_wrong_file_is_refused_with_path_value_and_what_is_accepted(toml, text, said):
    with pytest.raises(ConfigurationError) as refused:
        load(environment=toml(text))
    for part in said:
        assert part in str(refused.value)


def test_a_literal_key_in_a_file_is_refused_without_echo(toml):
    with pytest.raises(ConfigurationError) as refused:
        load(environment=toml(f'[mask]\nkey = "{KEY}"\n'))
    assert KEY not in str(refused.value)
    assert "env:NAME" in str(refused.value)


def test_broken_toml_is_refused_without_quoting_it(toml):
    with pytest.raises(ConfigurationError) as refused:
        load(environment=toml(f"[mask]\nkey = {KEY}\n"))
    assert KEY not in str(refused.value)


def test_keys_come_from_a_variable_or_a_file_and_never_show(toml, tmp_path, monkeypatch):
    monkeypatch.setenv("THE_KEY", KEY)
    from_variable = load(environment=toml('[mask]\nkey = "env:THE_KEY"\n'))
    (tmp_path / "key").write_text(KEY + "\n")
    from_file = load(environment={"OTEL_AUDIT_MASK_KEY": f"file:{tmp_path / 'key'}"})
    for settings in (from_variable, from_file):
        assert settings.mask.key == Secret(KEY.encode())
        assert KEY not in repr(settings)
        assert f"{settings.mask.key}" == "***"


def test_a_key_that_is_not_there_is_an_error():
    with pytest.raises(ConfigurationError, match="NO_SUCH_VARIABLE"):
        load({"mask": {"key": "env:NO_SUCH_VARIABLE"}}, environment={})


def test_unknown_variables_warn_with_the_nearest_and_kubernetes_ones_do_not(caplog):
    with caplog.at_level(logging.WARNING):
        load(
            environment={
                "OTEL_AUDIT_DESTINATON": "x",
                "OTEL_AUDIT_SERVICE_HOST": "10.0.0.1",
                "OTEL_AUDIT_PORT_4317_TCP_ADDR": "10.0.0.1",
                "OTEL_AUDIT_PORT": "tcp://10.0.0.1:4317",
            }
        )
    assert [record.getMessage() for record in caplog.records] == [
        "unknown variable OTEL_AUDIT_DESTINATON; did you mean OTEL_AUDIT_DESTINATION?"
    ]


def test_settings_are_hashable_so_that_doors_can_share_a_pipeline():
    assert load({"destination": "x"}, environment={}) == load({"destination": "x"}, environment={})
    assert hash(load({"destination": "x"}, environment={})) == hash(
        load({"destination": "x"}, environment={})
    )
