"""House rules that a linter cannot say. Each failure prints what to do."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("models", "activities", "workflows", "api", "infra")
MODULE_LINES, FUNCTION_LINES = 300, 50
# Longer than the rule when the rule came, or for the reason given. Numbers here go down, never up.
TOLERATED_MODULES: dict[str, int] = {}
TOLERATED_FUNCTIONS: dict[str, int] = {}
WORDS_WITHOUT_MEANING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers", "base"}


def sources(*layers: str) -> Iterator[Path]:
    """The Python files of some layers, migrations left out: they are history."""
    for layer in layers:
        for path in sorted((ROOT / layer).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name(path: Path) -> str:
    """A path as people say it."""
    return str(path.relative_to(ROOT))


def test_modules_and_functions_stay_readable() -> None:
    long_modules = {
        name(path): lines
        for path in [*sources(*LAYERS), ROOT / "worker.py"]
        if (lines := len(path.read_text().splitlines())) > TOLERATED_MODULES.get(name(path), MODULE_LINES)
    }
    long_functions = {
        f"{name(path)}:{node.name}": lines
        for path in sources(*LAYERS)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1)
        > TOLERATED_FUNCTIONS.get(f"{name(path)}:{node.name}", FUNCTION_LINES)
    }
    assert not long_modules, f"look for the seam in {long_modules}"
    assert not long_functions, f"look for the seam in {long_functions}"


def test_names_say_what_is_in_them() -> None:
    nameless = [name(path) for path in sources(*LAYERS, "tests") if path.stem in WORDS_WITHOUT_MEANING]
    assert not nameless, f"name these by what they hold: {nameless}"


def test_every_module_says_what_it_is() -> None:
    silent = [
        name(path)
        for path in sources(*LAYERS)
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent, f"begin these with a docstring: {silent}"


def test_public_things_are_documented() -> None:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    silent = [
        f"{name(path)}:{node.name}"
        for path in sources("models", "activities", "api", "infra")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, kinds) and not node.name.startswith("_") and not ast.get_docstring(node)
    ]
    assert not silent, f"say what these are for: {silent}"


def test_one_place_commits() -> None:
    commits = [
        name(path)
        for path in sources("models", "activities", "workflows", "api")
        if re.search(r"\.commit\(\)|\.begin\(\)", path.read_text())
    ]
    assert not commits, f"`infra.database.transaction` is the only place that commits; not {commits}"


def test_nobody_imports_the_worker() -> None:
    importers = [
        name(path) for path in sources(*LAYERS) if re.search(r"^(import|from) worker\b", path.read_text(), re.MULTILINE)
    ]
    assert not importers, f"the composition root is imported by nobody; not by {importers}"


def test_money_is_never_a_float() -> None:
    floats = [
        f"{name(path)}:{node.lineno}"
        for path in sources("models")
        if {"money", "ledger", "wires", "accounts", "bank"} & {path.stem, *path.relative_to(ROOT).parts}
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id == "float"
    ]
    assert not floats, f"amounts are whole minor units: {floats}"


@pytest.mark.parametrize(("layer", "decorator"), [("workflows", "workflow.defn"), ("activities", "activity.defn")])
def test_what_temporal_calls_by_name_has_its_name_written_out(layer: str, decorator: str) -> None:
    unnamed = [
        f"{name(path)}:{line}"
        for path in sources(layer)
        for line, text in enumerate(path.read_text().splitlines(), start=1)
        if f"@{decorator}" in text and "name=" not in text
    ]
    assert not unnamed, f"a renamed class or function would orphan running work; give a name= at {unnamed}"


def test_every_activity_call_has_a_policy() -> None:
    loose = []
    for path in sources("workflows"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = node.func.attr
                given = {keyword.arg for keyword in node.keywords}
                if called.startswith(("execute_activity", "execute_local_activity")) and not (
                    {"retry_policy", "start_to_close_timeout", "summary"} <= given
                ):
                    loose.append(f"{name(path)}:{node.lineno}")
    assert not loose, f"timeout and policy from workflows/policies.py, and a summary for the Temporal UI: {loose}"


def test_skips_and_silenced_checks_have_a_reason() -> None:
    pattern = re.compile(r"# (noqa|type: ignore)(?!: ?[A-Z0-9, ]+ *[#-]|\[[a-z-]+(, ?[a-z-]+)*\] *#)")
    bare = [
        f"{name(path)}:{line}"
        for path in sources(*LAYERS)
        for line, text in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(text)
    ]
    assert not bare, f"say beside it why the check is silenced: {bare}"


def test_histories_carry_no_personal_data() -> None:
    told = [
        path.name
        for path in (ROOT / "tests/workflows/histories").glob("*.json")
        if re.search(r"Fontaine|Globex|@aurum|Invoice", json.dumps(json.loads(path.read_text())))
    ]
    assert not told, f"a history is plain to read for every operator: {told}"


def test_sql_that_was_replaced_points_to_what_stands_now() -> None:
    made = re.compile(r"^CREATE (?:OR REPLACE )?(?:FUNCTION|VIEW) ([\w.]+)", re.MULTILINE)
    newest: dict[str, Path] = {}
    stale = []
    for path in sorted((ROOT / "infra/migrations/sql").glob("*.sql"), reverse=True):
        content = path.read_text()
        for definition in made.finditer(content):
            now = newest.setdefault(definition[1], path)
            pointer = f"-- As it stands now: {now.name}.\n"
            if now != path and not content[: definition.start()].endswith(pointer):
                stale.append(f"{path.name}: {definition[1]} stands in {now.name}")
    assert not stale, f"a reader would take the old text for the rule; put `-- As it stands now: FILE.` above {stale}"


def test_no_machine_and_no_registry_is_named() -> None:
    pattern = re.compile(r"(^|[^\w.])/(work|farm)/|--(extra-)?index-url\s+\S|pypi\.org/simple|registry\.npmjs")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # git
    told = [
        path
        for path in listed.stdout.splitlines()
        if path != name(Path(__file__)) and pattern.search((ROOT / path).read_text(errors="ignore"))
    ]
    assert not told, f"these name a machine's path or a registry's address: {told}"


def test_decisions_have_numbers_of_their_own() -> None:
    numbers: dict[str, list[str]] = {}
    for path in sorted((ROOT / "infra/decisions").glob("[0-9]*.md")):
        numbers.setdefault(path.name[:4], []).append(path.name)
        assert path.read_text().startswith(f"# {path.name[:4]} · "), f"{path.name} begins with its number and its title"
    shared = [names for names in numbers.values() if len(names) > 1]
    assert not shared, f"give one of each its own number, and follow it where it is named: {shared}"


def test_processes_that_wait_outlive_the_database() -> None:
    # A local activity that is tried for hours leaves an event for each of its timers.
    growing = [
        name(path)
        for path in sources("workflows")
        if re.search(r'signal\(name="wake"\)|import .*\b(Waiting|OrderToTheBank)\b', path.read_text())
        and "execute_local_activity" in path.read_text()
    ]
    assert not growing, f"take a step in the database by `workflows.steps.database_step`: {growing}"


def test_migrations_are_one_line() -> None:
    """Two that follow the same one are two heads, of which Alembic applies neither."""
    told = [path.read_text() for path in sorted((ROOT / "infra/migrations/versions").glob("*.py"))]
    before = [found[1] for text in told if (found := re.search(r'^down_revision = "(\w+)"$', text, re.MULTILINE))]
    forks = sorted({one for one in before if before.count(one) > 1})
    assert not forks, f"more than one migration follows {forks}: number yours after the last, and follow it"
