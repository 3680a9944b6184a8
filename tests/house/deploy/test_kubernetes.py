"""The manifests: put together by kustomize's own library, held to the schemas of Kubernetes and of KEDA."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from spantail_service.settings import Settings, setting_rows
from tests.support.tools import ROOT, deploy_checks

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = sorted(path.name for path in (FOLDER / "overlays").iterdir())
VERSIONS: Final = ("1.34", "1.37")
"""The first version that has all that is used (a pause before the stop), and the newest whose schemas are at hand."""

_KEDA: Final = """
import { readFileSync } from "node:fs";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
new ScaledObject(JSON.parse(readFileSync(0, "utf8"))).validate();
"""


@pytest.fixture(scope="module", params=OVERLAYS)
def resources(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    """What an overlay comes to."""
    command = [str(deploy_checks() / "checks"), "kustomize", str(FOLDER / "overlays" / request.param)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stderr
    return list(yaml.safe_load_all(answer.stdout))


def _of(resources: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] == kind}


def _pods(resources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    workloads = {**_of(resources, "Deployment"), **_of(resources, "StatefulSet")}
    return {name: one["spec"]["template"]["spec"] for name, one in workloads.items()}


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_knows_every_field(resources: list[dict[str, Any]], version: str, tmp_path: Path) -> None:
    path = tmp_path / "resources.yaml"
    path.write_text(yaml.safe_dump_all([one for one in resources if one["kind"] != "ScaledObject"]), encoding="utf-8")
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", "-k", version, str(path)]
    packages = {**os.environ, "PYTHONPATH": str(deploy_checks() / "python")}
    answer = subprocess.run(command, env=packages, capture_output=True, text=True, timeout=60, check=False)
    assert (answer.returncode, answer.stdout + answer.stderr) == (0, "")


def _keda_says(scaled: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "deploy" / "node", "node", "--input-type=module", "--eval", _KEDA],
        cwd=deploy_checks() / "node", env={**os.environ, "VENV": sys.prefix},
        input=json.dumps(scaled), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_keda_knows_what_scales_the_runners(resources: list[dict[str, Any]]) -> None:
    for scaled in _of(resources, "ScaledObject").values():
        answer = _keda_says(scaled)
        assert answer.returncode == 0, answer.stderr
        assert _keda_says({**scaled, "spec": {**scaled["spec"], "maxReplicaCount": "many"}}).returncode != 0
        target = _of(resources, "Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
        assert "replicas" not in target["spec"], "two would say how many there are"
        (trigger,) = scaled["spec"]["triggers"]
        (metric,) = re.findall(r"spantail_\w+", trigger["metadata"]["query"])
        metrics = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
        assert f"| `{metric}` | gauge | `state` |" in metrics
        (settings,) = (data for name, data in _settings(resources).items() if name.startswith("spantail-"))
        assert trigger["metadata"]["threshold"] == settings["SPANTAIL_RUNNER_CONCURRENCY"]


def _settings(resources: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    return {name: one["data"] for name, one in _of(resources, "ConfigMap").items()}


def test_every_variable_that_is_set_is_a_setting(resources: list[dict[str, Any]]) -> None:
    known = {row.name for row in setting_rows()} | {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    named = {key for name, data in _settings(resources).items() if name.startswith("spantail-") for key in data}
    for pod in _pods(resources).values():
        named |= {one["name"] for container in pod["containers"] for one in container.get("env", [])}
    assert "SPANTAIL_REDIS_URL" in named
    assert named <= known


def test_the_settings_are_taken(resources: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    (data,) = (data for name, data in _settings(resources).items() if name.startswith("spantail-"))
    for variable, value in data.items():
        monkeypatch.setenv(variable, value)
    settings = Settings()
    assert settings.storage.redis_url == data["SPANTAIL_REDIS_URL"]
    assert settings.jobs.runner_drain_s == float(data["SPANTAIL_RUNNER_DRAIN_S"])


def test_a_service_called_spantail_sets_no_setting_of_ours(resources: list[dict[str, Any]]) -> None:
    """Kubernetes gives each pod SPANTAIL_PORT=tcp://… for it, unless the pod does not want that."""
    assert "spantail" in _of(resources, "Service")
    assert all(pod["enableServiceLinks"] is False for pod in _pods(resources).values())


def test_every_pod_meets_the_restricted_standard(resources: list[dict[str, Any]]) -> None:
    """Pod Security Standards, `restricted`; and nothing writable but volumes, limits of memory, no token of the API."""
    for pod in _pods(resources).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 10_000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False
            assert confined["readOnlyRootFilesystem"] is True
            assert confined["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}


def test_probes_ask_what_answers_and_a_stop_has_its_time(resources: list[dict[str, Any]]) -> None:
    pods, defaults = _pods(resources), Settings(redis_url="redis://127.0.0.1:1/0")
    (service,) = pods["spantail"]["containers"]
    asked = {kind: service[kind]["httpGet"]["path"] for kind in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert service["readinessProbe"]["timeoutSeconds"] > defaults.storage.redis_timeout_s
    ports = {port["name"]: port["containerPort"] for port in service["ports"]}
    assert ports == {"http": defaults.server.port, "otlp-grpc": defaults.server.otlp_grpc_port}
    pause_s = service["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pods["spantail"]["terminationGracePeriodSeconds"] > pause_s + defaults.server.shutdown_s
    assert pods["spantail-runner"]["terminationGracePeriodSeconds"] > defaults.jobs.runner_drain_s + 5


def test_whom_a_policy_or_a_budget_means_is_there(resources: list[dict[str, Any]]) -> None:
    workloads = {**_of(resources, "Deployment"), **_of(resources, "StatefulSet")}
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in workloads.values()]
    policies, budgets = _of(resources, "NetworkPolicy"), _of(resources, "PodDisruptionBudget")
    selectors = [one["spec"]["podSelector"]["matchLabels"] for one in policies.values()]
    selectors += [one["spec"]["selector"]["matchLabels"] for one in budgets.values()]
    selectors += [one["spec"]["selector"] for one in _of(resources, "Service").values()]
    for selector in selectors:
        assert any(selector.items() <= one.items() for one in labels), selector
    nothing = policies["spantail-nothing-else"]["spec"]
    assert set(nothing) == {"podSelector", "policyTypes"}
    assert all(nothing["podSelector"]["matchLabels"].items() <= one.items() for one in labels)
    assert set(budgets) == {"spantail", "spantail-runner"}
    assert {one["metadata"]["namespace"] for one in resources} == {"spantail"}


def test_the_image_has_the_version_of_the_source(resources: list[dict[str, Any]]) -> None:
    from spantail.version import __version__

    images = {container["image"] for pod in _pods(resources).values() for container in pod["containers"]}
    assert {image for image in images if "spantail" in image} == {f"registry.example.com/spantail:{__version__}"}
    assert all(re.search(r":v?\d", image) for image in images)
