"""Every file of ``collector-config/`` is what a Collector, Kubernetes and ``otel-audit serve`` take."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from otel_audit.cli.serve import command as serve
from servers.collector import CONFIGS

KUBERNETES = CONFIGS / "kubernetes"
PIPELINES = sorted(path.name for path in CONFIGS.glob("[a-f]-*.yaml"))
MANIFESTS = sorted(path.name for path in KUBERNETES.glob("*.yaml") if path.name != "kustomization.yaml")
KUBERNETES_VERSION = "1.33"


def validate(program: Path, config: Path, **variables: str) -> None:
    """Raise unless the Collector accepts a file."""
    done = subprocess.run(
        [program, "validate", "--config", config],
        env={**os.environ, **variables}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((KUBERNETES / name).read_text()))


OBJECTS = [(name, one) for name in MANIFESTS for one in documents(name)]


def test_each_letter_has_its_file() -> None:
    assert {name[0] for name in PIPELINES} == set("abcdef")


def test_the_readme_names_each_file_and_nothing_else() -> None:
    named = set(re.findall(r"\]\(([^)]+)\)", (CONFIGS / "README.md").read_text()))
    assert set(PIPELINES) <= named
    assert all((CONFIGS / name).exists() for name in named)


@pytest.mark.parametrize("name", PIPELINES)
def test_the_collector_takes_it(otelcol: Path, tmp_path: Path, name: str) -> None:
    config = yaml.safe_load((CONFIGS / name).read_text())
    balancer = config["exporters"].pop("loadbalancing", None)
    if balancer is not None:
        # Its module is not in this build. Its queue is one as every exporter has, and what it makes of its sinks
        # is an exporter of the other kind for each.
        inner, resolver = balancer.pop("protocol")["otlp"], balancer.pop("resolver")
        assert balancer.pop("routing_key") == "traceID"
        assert resolver["dns"].keys() == {"hostname", "port"}
        assert inner["sending_queue"] == inner["retry_on_failure"] == {"enabled": False}
        config["exporters"]["otlp_grpc"] = {"endpoint": "sink:4317", **balancer}
        config["exporters"]["otlp_grpc/inner"] = {"endpoint": "sink:4317", **inner}
        for pipeline in config["service"]["pipelines"].values():
            assert pipeline["exporters"] == ["loadbalancing"]
            pipeline["exporters"] = ["otlp_grpc", "otlp_grpc/inner"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    validate(otelcol, tmp_path / "config.yaml")


@pytest.mark.parametrize("name", PIPELINES)
def test_nothing_that_answers_early_leads_to_the_log(name: str) -> None:
    """A ``batch`` processor, a queue in memory that nobody waits for, or retries that end would lose silently."""
    config = yaml.safe_load((CONFIGS / name).read_text())
    for pipeline in config["service"]["pipelines"].values():
        exporters = [config["exporters"].get(exporter) for exporter in pipeline["exporters"]]
        to_the_log = [
            one
            for exporter, one in zip(pipeline["exporters"], exporters, strict=True)
            if one is not None and not exporter.endswith("/tracing") and not exporter.startswith("file/")
        ]
        if to_the_log:
            assert not [one for one in pipeline.get("processors", ()) if one.startswith("batch")]
        for exporter in to_the_log:
            queue = exporter["sending_queue"]
            assert queue.get("wait_for_result") or queue["storage"] == "file_storage/audit"
            assert queue["batch"]["max_size"] < 20 * 2**20, "the sink takes 20 MiB a request"
            if "storage" in queue:
                assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"
                assert config["extensions"]["file_storage/audit"]["fsync"] is True


def test_the_build_is_pinned_to_what_it_names() -> None:
    named = set(re.findall(r"gomod: (\S+ v\S+)", (CONFIGS / "builder-config.yaml").read_text()))
    required = set(re.findall(r"^\t(\S+ v\S+)$", (CONFIGS / "go.mod").read_text(), re.MULTILINE))
    own = {one for one in required if one.startswith("go.opentelemetry.io/collector/") and one not in named}
    assert named <= required
    assert {one.split()[0] for one in own} >= {"go.opentelemetry.io/collector/otelcol"}


@pytest.mark.parametrize(("name", "content"), [
    pytest.param(name, one, id=f"{one['kind']} {one['metadata']['name']}") for name, one in OBJECTS
])  # fmt: skip
def test_kubernetes_takes_it(name: str, content: dict[str, Any]) -> None:
    assert name in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    kubernetes_validate.validate(content, KUBERNETES_VERSION, strict=True)
    assert content["kind"] == "Namespace" or content["metadata"]["namespace"] == "otel-audit"


@pytest.mark.parametrize(
    "content",
    [one for _, one in OBJECTS if one["kind"] == "ConfigMap"],
    ids=lambda one: one["metadata"]["name"],
)
def test_the_collector_takes_what_kubernetes_gives_it(
    otelcol: Path, tmp_path: Path, content: dict[str, Any]
) -> None:
    (tmp_path / "config.yaml").write_text(content["data"]["collector.yaml"])
    validate(otelcol, tmp_path / "config.yaml", POD_IP="127.0.0.1")


def test_what_names_something_finds_it() -> None:
    of_kind: dict[str, dict[str, dict[str, Any]]] = {}
    for _, one in OBJECTS:
        of_kind.setdefault(one["kind"], {})[one["metadata"]["name"]] = one
    workloads = {**of_kind["DaemonSet"], **of_kind["StatefulSet"]}
    pods = [(one["spec"]["selector"]["matchLabels"], one["spec"]["template"]) for one in workloads.values()]

    def selected(selector: dict[str, str]) -> dict[str, Any]:
        (found,) = (
            template for _, template in pods if selector.items() <= template["metadata"]["labels"].items()
        )
        return found

    for labels, template in pods:
        assert labels.items() <= template["metadata"]["labels"].items()
        assert template["spec"]["serviceAccountName"] in of_kind["ServiceAccount"]
        for volume in template["spec"]["volumes"]:
            assert volume.get("configMap", {}).get("name", "otel-audit-agent") in of_kind["ConfigMap"]
    for one in of_kind["StatefulSet"].values():
        assert of_kind["Service"][one["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
        mounted = {
            mount["name"] for mount in one["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        }
        assert {claim["metadata"]["name"] for claim in one["spec"]["volumeClaimTemplates"]} <= mounted
    for service in of_kind["Service"].values():
        (container,) = selected(service["spec"]["selector"])["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for policy in of_kind["NetworkPolicy"].values():
        if policy["spec"]["podSelector"]:
            selected(policy["spec"]["podSelector"]["matchLabels"])
    for map_ in of_kind["ConfigMap"].values():
        for host in re.findall(r"endpoint: https?://([a-z-]+):4318", map_["data"]["collector.yaml"]):
            assert host in of_kind["Service"]
    made = set(re.findall(r"create secret generic (\S+)", (CONFIGS / "README.md").read_text()))
    for _, template in pods:
        for volume in template["spec"]["volumes"]:
            assert volume.get("secret", {}).get("secretName", "otel-audit-tokens") in made


def test_serve_takes_what_kubernetes_tells_it() -> None:
    (sink,) = (
        one
        for _, one in OBJECTS
        if (one["kind"], one["metadata"]["name"]) == ("StatefulSet", "otel-audit-sink")
    )
    pod = sink["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    command, *arguments = container["args"]
    assert command == serve.name
    files = {name for name in arguments if name.startswith(("--tls", "--tokens"))}
    given = serve.make_context("serve", [one for one in arguments if one not in files]).params
    options = {option for parameter in serve.params for option in parameter.opts}
    assert {one.partition("=")[0] for one in files} == {"--tls-cert", "--tls-key", "--tokens"} & options
    ports = {f"0.0.0.0:{port['containerPort']}" for port in container["ports"]}
    assert {given["grpc_address"], given["http_address"]} == ports
    assert given["stop_timeout_s"] < pod["terminationGracePeriodSeconds"]
    spool = next(one["value"] for one in container["env"] if one["name"] == "OTEL_AUDIT_SPOOL")
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert Path(mounts["spool"]) in Path(spool).parents, (
        "the top of a volume is root's, which a spool refuses"
    )
