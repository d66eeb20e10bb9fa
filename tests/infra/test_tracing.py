"""Traces: nothing where nobody listens, only what may be told where somebody does, and no effect on a replay."""

import asyncio
import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import event

from infra import tracing
from infra.database import connect
from infra.local.site import REPOSITORY
from infra.settings import Settings
from infra.tracing import Discreet, _about
from tests.factories.collector import collector


def test_nothing_is_switched_on_where_no_collector_is_named() -> None:
    tracing.start(Settings(_env_file=None), "tests")
    assert not tracing.tracing()
    assert tracing.interceptors() == []
    assert tracing.trace_parent() is None
    with tracing.span("nothing") as opened:
        assert opened is None
    engine = connect("postgresql://nobody@127.0.0.1:9/nothing")
    assert not event.contains(engine.sync_engine, "before_cursor_execute", tracing._before)
    asyncio.run(engine.dispose())
    assert not isinstance(trace.get_tracer_provider(), TracerProvider)


def test_of_a_span_leaves_what_may_be_told() -> None:
    kept, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(Discreet(kept)))
    tracer = provider.get_tracer("tests")
    told = {"http.route": "/api/v1/wires", "url.full": "https://aurum.example/?q=Quill", "user.email": "a@b.example"}
    with (
        pytest.raises(RuntimeError),
        tracer.start_as_current_span("POST", attributes=told),
    ):
        raise RuntimeError("no account NL91ABNA0417164300")
    (span,) = kept.get_finished_spans()
    assert dict(span.attributes or {}) == {"http.route": "/api/v1/wires"}
    assert [dict(one.attributes or {}) for one in span.events] == [{"exception.type": "RuntimeError"}]
    assert "NL91" not in span.to_json()
    assert not span.status.is_ok


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT id FROM accounts WHERE id = %(id)s", ("SELECT", "accounts")),
        ("INSERT INTO outbox (workflow) VALUES (%(workflow)s)", ("INSERT", "outbox")),
        ("UPDATE outbox SET attempts = 1 WHERE id IN (SELECT id FROM outbox)", ("UPDATE", "outbox")),
        ("SELECT ledger_post(%(entries)s)", ("SELECT", "ledger_post")),
        ("SELECT * FROM staff_dashboard()", ("SELECT", "staff_dashboard")),
        ("  with open as (select 1) SELECT count(*) FROM holds", ("WITH", "holds")),
        ("BEGIN", ("BEGIN", "")),
        ("SELECT 'Ada Quill'", ("SELECT", "")),
    ],
)
def test_of_a_statement_its_verb_and_its_table_are_told(statement: str, told: tuple[str, str]) -> None:
    assert _about(statement) == told


# In a process of its own: the tracer is one for a process.
_REPLAY = """
import asyncio, sys
from pathlib import Path
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer
from infra import tracing
from infra.correlation import CarriesCorrelation
from infra.sandbox import sandbox
from infra.settings import Settings
from workflows.registry import WORKFLOWS

async def main():
    tracing.start(Settings(_env_file=None, otlp_endpoint=sys.argv[1]), "replay")
    replayer = Replayer(
        workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox(),
        interceptors=[*tracing.interceptors(), CarriesCorrelation()],
    )
    for path in sorted(Path("tests/workflows/histories").glob("wire*.json")):
        await replayer.replay_workflow(WorkflowHistory.from_json(f"replay/{path.stem}", path.read_text()))
    with tracing.span("the end"):
        pass
    tracing.stop()

asyncio.run(main())
"""


def test_a_replay_is_the_same_with_traces_and_tells_nothing_twice() -> None:
    with collector() as received:
        command = (sys.executable, "-c", _REPLAY, received.url)
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        assert [span.name for span in received.spans()] == ["the end"]


def test_a_collector_that_is_away_is_nobodys_failure() -> None:
    script = (
        "from infra import tracing; from infra.settings import Settings\n"
        "tracing.start(Settings(_env_file=None, otlp_endpoint='http://127.0.0.1:9'), 'tests')\n"
        "with tracing.span('lost'): pass\n"
        "tracing.stop(); print('done')"
    )
    done = subprocess.run(
        (sys.executable, "-c", script), cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "done"), done.stderr
