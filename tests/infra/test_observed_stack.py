"""A bank that is watched: one wire is one trace, its request id is everywhere, what dashboards ask for is there."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from temporalio.client import Client

from infra.local.site import REPOSITORY
from infra.tracing import TOLD
from tests.factories.collector import Span
from tests.infra.observed import NUMBER, RECIPIENT, Observed, names, observed, until

WATCH = REPOSITORY / "infra" / "deploy" / "observability"
RULES = WATCH / "prometheus" / "alerts.yaml"
DASHBOARDS = sorted((WATCH / "grafana" / "dashboards").glob("*.json"))
HANDBOOK = REPOSITORY / "infra" / "deploy" / "handbook.md"
# What is told only once it happens: a worker that replays what it had forgotten, the first month's statements.
ONLY_WHEN_IT_HAPPENS = {"temporal_workflow_task_replay_latency_seconds_bucket", "aurum_statements_age_seconds"}
REQUEST = "order-for-featherstonehaugh.1"


@pytest.fixture(scope="module")
def bank() -> Iterator[Observed]:
    with observed() as running:
        yield running


@pytest.fixture(scope="module")
def wire_id(bank: Observed) -> str:
    return bank.wire(REQUEST)


def _trace(bank: Observed) -> list[Span]:
    """The trace of the order, once the file has left and every span's parent has been told."""
    spans = bank.traces.spans()
    ordered = next((one for one in spans if one.attributes.get("aurum.request_id") == REQUEST), None)
    found = [one for one in spans if ordered is not None and one.trace_id == ordered.trace_id]
    ids = {one.span_id for one in found}
    whole = all(not one.parent_id or one.parent_id in ids for one in found)
    steps = {one.name for one in found}
    return found if whole and {"POST /api/v1/wires", "wire.send", "wire.conclude"} <= steps else []


def test_one_wire_is_one_connected_trace(bank: Observed, wire_id: str) -> None:
    spans = until(lambda: _trace(bank), "the trace of the wire")
    by_id = {one.span_id: one for one in spans}
    (root,) = [one for one in spans if not one.parent_id]
    assert (root.name, root.service) == ("POST /api/v1/wires", "aurum-api")
    (woken,) = [one for one in spans if one.name == "wake wire"]
    assert by_id[woken.parent_id] == root
    steps = [one for one in spans if one.name.startswith("wire.")]
    assert {by_id[one.parent_id].name for one in steps} == {"wake wire"}
    assert {"wire.screen", "wire.route", "wire.release", "wire.send", "wire.apply_answers"} <= {s.name for s in steps}
    assert {one.attributes["temporalWorkflowID"] for one in steps} == {f"wire/{wire_id}"}
    statements = [one for one in spans if one.attributes.get("db.system.name") == "postgresql"]
    assert {by_id[one.parent_id].name for one in statements} >= {"POST /api/v1/wires", "wire.release", "wire.send"}
    assert {"INSERT wire_transfers", "INSERT outbox", "COMMIT"} <= {one.name for one in statements}
    assert {one.service for one in spans} == {"aurum-api", "aurum-worker"}


def test_a_trace_tells_of_nobody(bank: Observed, wire_id: str) -> None:
    until(lambda: _trace(bank), "the trace of the wire")
    assert {name for span in bank.traces.spans() for name in span.attributes} <= TOLD
    sent = b"".join(bank.traces.bodies)
    people = [person["email"] for person in bank.info["people"]]
    for secret in (RECIPIENT, NUMBER, *people, "Bearer", "127.0.0.1"):
        assert secret.encode() not in sent, secret
    assert {one["x-tenant"] for one in bank.traces.headers} == {"aurum"}
    assert {one["path"] for one in bank.traces.headers} == {"/v1/traces"}


def test_the_request_is_named_in_every_line_of_its_process(bank: Observed, wire_id: str) -> None:
    lines = bank.lines("worker-application")
    of_wire = [line for line in lines if line.get("workflow_id") == f"wire/{wire_id}"]
    assert {line["step"] for line in of_wire if line["event"] == "step"} >= {"wire.screen", "wire.send"}
    assert {line["request_id"] for line in of_wire} == {REQUEST}
    (asked,) = [line for line in bank.lines("api-application") if line.get("request_id") == REQUEST]
    assert (asked["event"], asked["route"], asked["status"]) == ("request", "/api/v1/wires", 201)
    with psycopg.connect(bank.info["database_url"]) as connection:
        found = connection.execute("SELECT action FROM audit_logs WHERE request_id = %s", (REQUEST,)).fetchall()
    assert len(found) == 1


def _queries() -> dict[str, list[str]]:
    """Every query of a dashboard or a rule, by where it stands."""
    found = {path.name: [t["expr"] for p in _dashboard(path)["panels"] for t in p["targets"]] for path in DASHBOARDS}
    rules = yaml.safe_load(RULES.read_text())
    return found | {RULES.name: [rule["expr"] for group in rules["groups"] for rule in group["rules"]]}


def _dashboard(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def _metrics(query: str) -> set[str]:
    bare = re.sub(r'"[^"]*"', "", re.sub(r"\b(?:by|on|without)\s*\([^)]*\)", "", query))
    return set(re.findall(r"\b(?:aurum|temporal|process)_\w+|\bup\b", bare)) - {"up"}


async def test_what_dashboards_and_rules_ask_for_is_told(bank: Observed, wire_id: str) -> None:
    # What only a failure counts is made to fail: the kept heads of the audit log are no heads any more.
    (bank.folder / "data" / "audit" / "heads.jsonl").write_text("torn\n")
    client = await Client.connect(bank.info["temporal_address"])
    for schedule in ("audit-seal", "ledger-proof", "process-proof", "flow-proof"):
        await client.get_schedule_handle(schedule).trigger()
    asked = {metric for queries in _queries().values() for query in queries for metric in _metrics(query)}
    assert len(asked) > 50
    until(lambda: asked - bank.families() - ONLY_WHEN_IT_HAPPENS, "metrics", wanted=lambda missing: not missing)


def test_labels_hold_no_ids(bank: Observed, wire_id: str) -> None:
    for name, text in bank.exposed().items():
        assert not re.findall(r'="[^"]*[0-9a-f]{8}-[0-9a-f]{4}-[^"]*"', text), name
        assert wire_id not in text
    api = bank.exposed()["api"]
    assert 'route="/api/v1/wires",status="201"' in api
    assert 'aurum_database_pool_connections{state="idle"}' in api


def test_rules_say_how_bad_it_is_and_what_to_do() -> None:
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    runbooks = set(re.findall(r"^## ([a-z-]+)$", HANDBOOK.read_text(), re.MULTILINE))
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, rule["alert"]
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (REPOSITORY / page, anchor in runbooks) == (HANDBOOK, True), rule["alert"]


def test_dashboards_are_whole() -> None:
    assert len({_dashboard(path)["uid"] for path in DASHBOARDS}) == len(DASHBOARDS) == 4
    for path in DASHBOARDS:
        panels = _dashboard(path)["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in panels]
        assert all(x + w <= 24 for x, _, w, _ in places), path.name
        assert len({(x, y) for x, y, _, _ in places}) == len(places), path.name


def _promtool(*arguments: str) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is not here; Debian's package prometheus has it")
    done = subprocess.run((program, *arguments), cwd=RULES.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_understood_and_fire_when_they_should() -> None:
    assert "SUCCESS" in _promtool("check", "rules", RULES.name)
    assert "SUCCESS" in _promtool("check", "config", "--syntax-only", "prometheus.yaml")
    assert "SUCCESS" in _promtool("test", "rules", "alerts.test.yaml")


def test_names_are_read_as_a_query_asks_for_them() -> None:
    text = '# TYPE a_seconds histogram\n# TYPE b_total counter\nc{d="e"} 1\n'
    assert names(text) == {"a_seconds_bucket", "a_seconds_sum", "a_seconds_count", "b_total", "c"}
    assert _metrics('sum by (status) (rate(aurum_x_total{a="aurum_y"}[5m])) / on (job) aurum_z') == {
        "aurum_x_total",
        "aurum_z",
    }
