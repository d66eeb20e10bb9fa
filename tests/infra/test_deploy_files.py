"""The files of a deployment, as far as they can be judged without an engine to run them.

The chart is rendered by helm, which is on no machine of ours by default: what it rendered is kept beside this test with
a digest of what it was rendered from. Where `helm` is found, it renders again.
"""

import hashlib
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.local.site import REPOSITORY
from infra.settings import Settings
from tests.factories.production import environment

DEPLOY = REPOSITORY / "infra" / "deploy"
CHART = DEPLOY / "helm" / "aurum"
EXAMPLE = DEPLOY / "helm" / "example-values.yaml"
RENDERED = Path(__file__).parent / "deployed" / "chart.yaml"
DIGEST = RENDERED.with_suffix(".sha256")
KNOWN = {f"AURUM_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def chart() -> list[Any]:
    return [one for one in yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")) if one]


def _of_kind(chart: list[Any], *kinds: str) -> list[Any]:
    return [one for one in chart if one["kind"] in kinds]


def _pods(chart: list[Any]) -> Iterator[tuple[str, Any]]:
    for one in _of_kind(chart, "Deployment", "Job"):
        yield one["metadata"]["name"], one["spec"]["template"]


def _taken(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What production refuses of these variables."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Settings(_env_file=None).refusals()


def test_only_settings_that_exist_are_named() -> None:
    files = [
        DEPLOY / "compose.yaml",
        DEPLOY / "compose.env.example",
        *CHART.rglob("*.yaml"),
        CHART / "templates/_names.tpl",
    ]
    # Names of the images, which are the file's own.
    ours = {"AURUM_IMAGE", "AURUM_OPERATIONS_IMAGE", "AURUM_"}
    named = {name for file in files for name in re.findall(r"AURUM_[A-Z0-9_]*", file.read_text(encoding="utf-8"))}
    assert named - ours - KNOWN == set()


def test_a_filled_in_compose_file_is_taken_by_production(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"^([A-Z_]+)=$", example, flags=re.MULTILINE))
    needed = set(re.findall(r"\$\{([A-Z_]+):\?\}", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    assert asked == needed, "compose.env.example asks for what compose.yaml needs"
    good = environment(tmp_path)

    def value(found: re.Match[str]) -> str:
        name, default = found[1], found[2]
        return good.get(name, "5f0c9a7be214d836") if default == "?" else default.removeprefix("-")

    for service in ("api", "worker", "prepare", "operations"):
        given = compose["services"][service]["environment"]
        filled = {name: re.sub(r"\$\{([A-Z_]+):(\?|-[^}]*)\}", value, str(text)) for name, text in given.items()}
        assert filled["AURUM_ENVIRONMENT"] == "production"
        assert _taken(filled, monkeypatch) == []
        assert ("AURUM_DATABASE_URL" in given) == (service in ("prepare", "operations"))


def test_the_containers_of_ours_may_change_nothing_but_their_volumes(compose: Any) -> None:
    for service in ("prepare", "api", "worker", "operations"):
        made = compose["services"][service]
        assert made["read_only"], service
        assert made["cap_drop"] == ["ALL"], service
        assert made["security_opt"] == ["no-new-privileges:true"], service
        assert "user" not in made, "the image's own, which is nobody"
    named = {volume.split(":")[0] for one in compose["services"].values() for volume in one.get("volumes", [])}
    assert {name for name in named if not name.startswith("./")} == set(compose["volumes"])
    ports = [port for one in compose["services"].values() for port in one.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_plain_names_of_a_version(compose: Any) -> None:
    images = {one["image"] for one in compose["services"].values() if "AURUM" not in one["image"]}
    images |= set(re.findall(r"^FROM (python\S*)", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE))
    for image in images:
        assert re.fullmatch(r"[a-z]+(/[a-z-]+)?:(?!latest)\S+", image), image


def test_the_image_is_made_of_what_is_there_and_run_by_nobody() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for source in re.findall(r"^COPY (?!--from)(\S+)", dockerfile, re.MULTILINE):
        assert (REPOSITORY / source).exists(), source
    stages = re.findall(r"^FROM \S+ AS (\S+)", dockerfile, re.MULTILINE)
    assert stages[-1] == "runtime"
    application = dockerfile.split("AS application")[1].split("\nFROM ")[0]
    assert "USER 10001:10001" in application
    assert "HEALTHCHECK" in dockerfile
    assert dockerfile.count("--require-hashes --no-deps --only-binary :all:") == 2


def test_what_is_deployed_is_what_was_tested() -> None:
    def pins(file: Path) -> dict[str, str]:
        pinned = re.compile(r"^([a-z0-9._-]+(?:\[[a-z,]+\])?)==([^\s;]+)", re.MULTILINE)
        return dict(pinned.findall(file.read_text(encoding="utf-8")))

    asked = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    needed = {re.split(r"[\[<>=]", one)[0] for one in asked}
    assert needed <= {name.split("[")[0] for name in pins(DEPLOY / "production.lock")}, "run make lock"
    tested = pins(REPOSITORY / "requirements.lock")
    for lock in ("production.lock", "operations.lock"):
        deployed = pins(DEPLOY / lock)
        assert len(deployed) > 50
        other = {name: version for name, version in deployed.items() if tested.get(name) != version}
        assert not other, f"run make lock: {lock} has {other}"


def test_the_rendered_chart_is_of_the_chart_as_it_is() -> None:
    files = [*sorted(path for path in CHART.rglob("*") if path.is_file()), EXAMPLE]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    again = f"helm template bank {CHART.relative_to(REPOSITORY)} -f {EXAMPLE.relative_to(REPOSITORY)}"
    assert DIGEST.read_text().strip() == digest, f"`{again}` into {RENDERED.name}, and {digest} into {DIGEST.name}"
    if (helm := shutil.which("helm")) is not None:
        made = subprocess.run([helm, *again.split()[1:]], cwd=REPOSITORY, capture_output=True, text=True, check=True)
        assert list(yaml.safe_load_all(made.stdout)) == list(yaml.safe_load_all(RENDERED.read_text(encoding="utf-8")))


def test_a_filled_in_chart_is_taken_by_production(
    chart: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = environment(tmp_path)
    for name, pod in _pods(chart):
        variables = pod["spec"]["containers"][0]["env"]
        assert len({one["name"] for one in variables}) == len(variables)
        given = {one["name"]: one.get("value") or good.get(one["name"], "redis://redis:6379/0") for one in variables}
        assert all("value" not in one for one in variables if one["name"] in ("AURUM_TOKEN_SECRET", "AURUM_FIELD_KEYS"))
        assert _taken(given, monkeypatch) == [], name
        # Whoever serves people cannot sign in as the owner of the database.
        assert ("AURUM_DATABASE_URL" in given) == name.endswith("-migration"), name
        monkeypatch.undo()


def test_pods_may_do_nothing_beyond_running(chart: list[Any]) -> None:
    pods = dict(_pods(chart))
    assert sorted(pods) == ["bank-api", "bank-migration", "bank-worker-3f2c1ab", "bank-worker-9d04e77"]
    for name, pod in pods.items():
        spec = pod["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"requests", "limits"} <= container["resources"].keys(), name
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["volumes"]}, name


def test_services_budgets_and_policies_find_their_pods(chart: list[Any]) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in _pods(chart)}

    def found(selector: dict[str, str]) -> list[str]:
        return sorted(name for name, own in labels.items() if selector.items() <= own.items())

    for one in _of_kind(chart, "Deployment", "PodDisruptionBudget"):
        assert found(one["spec"]["selector"]["matchLabels"]) == [one["metadata"]["name"]]
    (service,) = _of_kind(chart, "Service")
    assert found(service["spec"]["selector"]) == ["bank-api"]
    (policy,) = _of_kind(chart, "NetworkPolicy")
    assert found(policy["spec"]["podSelector"]["matchLabels"]) == sorted(labels)
    assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ways = {
        path["path"]: ingress
        for ingress in _of_kind(chart, "Ingress")
        for path in ingress["spec"]["rules"][0]["http"]["paths"]
    }
    assert sorted(ways) == ["/.well-known", "/api", "/codec", "/console", "/socket.io"]
    # A client that polls has to reach the same process each time, and nobody else has to.
    hashed = {path for path, ingress in ways.items() if "annotations" in ingress["metadata"]}
    assert hashed == {"/socket.io"}


def test_builds_of_the_worker_run_side_by_side_each_from_its_image(chart: list[Any]) -> None:
    pods = {name: pod["spec"]["containers"][0] for name, pod in _pods(chart)}
    builds = {
        next((one["value"] for one in pod["env"] if one["name"] == "AURUM_WORKER_BUILD_ID"), None): pod["image"][-6:]
        for name, pod in pods.items()
    }
    assert builds == {None: "000000", "3f2c1ab": "111111", "9d04e77": "000000"}
    assert pods["bank-migration"]["image"] == pods["bank-worker-9d04e77"]["image"]


def test_a_cluster_asks_for_metrics_where_they_are_under_the_names_that_alerts_know(chart: list[Any]) -> None:
    (monitor,) = _of_kind(chart, "PodMonitor")
    asked = monitor["spec"]["podMetricsEndpoints"]
    ports = {port["name"] for _, pod in _pods(chart) for port in pod["spec"]["containers"][0].get("ports", [])}
    assert {one["port"] for one in asked} == ports
    jobs = set()
    for one in asked:
        (rule,) = one["relabelings"]
        for name, pod in _pods(chart):
            component = pod["metadata"]["labels"]["app.kubernetes.io/component"]
            if any(port["name"] == one["port"] for port in pod["spec"]["containers"][0].get("ports", [])):
                found = re.fullmatch(rule["regex"], component)
                assert found, name
                jobs.add(rule["replacement"].replace("$1", found[1]))
    scraped = yaml.safe_load((DEPLOY / "observability/prometheus/prometheus.yaml").read_text(encoding="utf-8"))
    assert jobs == {one["job_name"] for one in scraped["scrape_configs"]} - {"temporal"}


def test_migrations_come_before_what_needs_them(chart: list[Any]) -> None:
    (job,) = _of_kind(chart, "Job")
    (account,) = _of_kind(chart, "ServiceAccount")
    for one in (job, account):
        assert one["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    weights = [int(one["metadata"]["annotations"]["helm.sh/hook-weight"]) for one in (account, job)]
    assert weights == sorted(weights)
    for deployment in _of_kind(chart, "Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert "readinessProbe" in container
        # Time to end what was begun, before it is killed.
        grace = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace > Settings(_env_file=None).worker_drain_seconds
    assert json.dumps(job).count("infra.admin") == 5
