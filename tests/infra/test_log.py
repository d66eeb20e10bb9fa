"""Logging: one JSON object a line, with the request's context, and no values of local variables."""

import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog

from infra import log


@pytest.fixture
def configured() -> Iterator[None]:
    level = logging.getLogger().level
    log.configure("info")
    yield
    logging.getLogger().setLevel(level)


@pytest.mark.usefixtures("configured")
def test_our_lines_and_a_librarys_are_json_with_the_context(capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.contextvars.bound_contextvars(request_id="order.1"):
        structlog.get_logger("aurum.test").info("wire.released", wire_id=7, missing=None)
        logging.getLogger("library").warning("slow %s", "query")
        structlog.get_logger("aurum.test").debug("not at this level")
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["level"], line["request_id"]) for line in lines] == [
        ("wire.released", "info", "order.1"),
        ("slow query", "warning", "order.1"),
    ]
    assert lines[0]["wire_id"] == 7
    assert all(line["at"].endswith("Z") for line in lines)


@pytest.mark.usefixtures("configured")
def test_a_failure_is_told_with_its_place_and_without_local_values(capsys: pytest.CaptureFixture[str]) -> None:
    def sign_in(password: str) -> None:
        raise RuntimeError(f"failed after {len(password)} letters")

    try:
        sign_in("harbour lantern quiet")
    except RuntimeError:
        structlog.get_logger("aurum.test").exception("request.failed")
    told = capsys.readouterr().out
    assert "failed after 21 letters" in told
    assert "sign_in" in told
    assert "harbour lantern" not in told.replace('sign_in(\\"harbour lantern quiet\\")', "")


@pytest.mark.usefixtures("configured")
def test_configuring_again_adds_no_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("info")
    structlog.get_logger("aurum.test").info("once")
    assert len(capsys.readouterr().out.splitlines()) == 1
