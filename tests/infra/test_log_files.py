"""Files of the log: one a day by the moment of each line, three kinds, kept for some days."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import structlog

from infra import log
from infra.log_files import DailyFile


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Path]:
    level = logging.getLogger().level
    log.configure("debug")
    log.keep(tmp_path, "api", 30)
    yield tmp_path
    log.end_keeping()
    logging.getLogger().setLevel(level)


def _read(folder: Path, kind: str) -> list[dict[str, object]]:
    (file,) = folder.glob(f"api-{kind}.*.jsonl")
    return [orjson.loads(line) for line in file.read_text().splitlines()]


def test_each_kind_has_its_levels_and_all_are_masked(kept: Path) -> None:
    ours = structlog.get_logger("aurum.files")
    with structlog.contextvars.bound_contextvars(request_id="order.1"):
        ours.debug("looked", at_what="row")
        ours.info("wire.released")
        ours.error("wire.lost", error="no answer from quill@people.example")
        logging.getLogger("library").error("refused %s", "NL91ABNA0417164300")
    told = {kind: [line["event"] for line in _read(kept, kind)] for kind in ("application", "error", "debug")}
    assert told["error"] == ["wire.lost", "refused ***"]
    assert told["application"] == ["wire.released", *told["error"]]
    assert told["debug"] == ["looked", *told["application"]]
    assert all(line["request_id"] == "order.1" for line in _read(kept, "debug"))
    assert _read(kept, "error")[0]["error"] == "no answer from ***"


def _record(day: int) -> logging.LogRecord:
    record = logging.LogRecord("aurum", logging.INFO, __file__, 1, f"of the {day}", None, None)
    record.created = datetime(2026, 11, day, 23, 59, tzinfo=UTC).timestamp()
    return record


def test_a_new_day_is_a_new_file_and_the_oldest_go(tmp_path: Path) -> None:
    other = tmp_path / "api-application.notes.jsonl"
    other.touch()
    file = DailyFile(tmp_path / "log", "api-application", level=logging.INFO, days=2)
    for day in (1, 2, 3):
        file.handle(_record(day))
    file.close()
    names = sorted(path.name for path in (tmp_path / "log").iterdir())
    assert names == ["api-application.2026-11-02.jsonl", "api-application.2026-11-03.jsonl"]
    assert (tmp_path / "log" / names[1]).read_text() == "of the 3\n"
    assert other.exists()


def test_a_folder_that_takes_no_line_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").write_text("a file, where the folder was to be")
    file = DailyFile(tmp_path / "log", "api-error", level=logging.INFO, days=2)
    file.handle(_record(1))
    file.close()
    said = capsys.readouterr().err
    assert "api-error is not written" in said
    assert "of the 1" not in said


def test_a_line_that_a_full_disk_cut_off_spoils_no_other(tmp_path: Path) -> None:
    day = tmp_path / "api-application.2026-11-01.jsonl"
    day.write_text('whole\n{"event":"cut o')
    file = DailyFile(tmp_path, "api-application", level=logging.INFO, days=2)
    for _ in range(2):
        file.handle(_record(1))
    file.close()
    assert day.read_text().splitlines() == ["whole", '{"event":"cut o', "of the 1", "of the 1"]
