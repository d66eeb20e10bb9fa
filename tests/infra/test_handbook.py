"""The operator's handbook names commands, settings and chapters that exist, and every alert leads to one of them."""

import re
import shlex
from typing import Any

import pytest
import typer

from infra.admin.__main__ import app
from infra.local.site import REPOSITORY
from infra.settings import Settings

DEPLOY = REPOSITORY / "infra" / "deploy"
HANDBOOK = (DEPLOY / "handbook.md").read_text(encoding="utf-8")
CHAPTERS = re.findall(r"^## (\S+)$", HANDBOOK, flags=re.MULTILINE)
_CODE = re.findall(r"```\n(.*?)```", HANDBOOK, flags=re.DOTALL)
_SPANS = [*re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", HANDBOOK, flags=re.DOTALL))]
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for line in [*_SPANS, *(line for block in _CODE for line in block.splitlines())]
        if line.startswith("admin ")
    }
)


def _command(name: str) -> Any:
    return typer.main.get_command(app).commands[name]  # type: ignore[attr-defined] # a group


def test_the_chapters_are_those_that_a_night_needs() -> None:
    assert set(CHAPTERS) == {
        *("temporal-down", "database-down", "bank-silent", "stuck-wire", "queue-overdue", "list-stale", "proof-failed"),
        *("audit-broken", "mail-failing", "key-rotation", "disk-full", "deploy", "restore"),
    }
    for chapter, text in zip(CHAPTERS, re.split(r"^## \S+$", HANDBOOK, flags=re.MULTILINE)[1:], strict=True):
        for part in ("**Do not.**", "**Over**"):
            assert part in text, f"{chapter} does not say: {part}"


def test_every_link_leads_to_a_chapter() -> None:
    assert set(re.findall(r"\]\(#([^)]+)\)", HANDBOOK)) <= set(CHAPTERS)
    rules = [path for path in DEPLOY.rglob("*.y*ml") if "handbook.md#" in path.read_text(encoding="utf-8")]
    for path in rules:
        linked = set(re.findall(r"handbook\.md#([a-z0-9-]+)", path.read_text(encoding="utf-8")))
        assert linked <= set(CHAPTERS), f"{path.name} links to a chapter that is not there"


@pytest.mark.parametrize("written", COMMANDS)
def test_every_command_exists_with_its_options(written: str) -> None:
    _, name, *words = shlex.split(written.replace("…", "x"))
    options = {option for parameter in _command(name).params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options
    needed = [parameter for parameter in _command(name).params if parameter.required]
    # Named alone, in a sentence, or whole.
    if words:
        assert {parameter.opts[0] for parameter in needed if parameter.opts[0].startswith("--")} <= set(words)
        arguments = [parameter for parameter in needed if not parameter.opts[0].startswith("--")]
        assert len([word for word in words if not word.startswith("--")]) >= len(arguments)


def test_every_setting_exists() -> None:
    known = {f"AURUM_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"AURUM_[A-Z0-9_]+", HANDBOOK)) <= known


def test_the_handbook_is_not_empty_of_commands() -> None:
    assert len(COMMANDS) > 30
