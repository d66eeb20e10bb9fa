"""The embedded stack as a person meets it: started, killed, started twice, started again."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import psycopg
import pytest

from infra.local.folder import DataFolder, read_json
from infra.local.locks import PartLock, Phase
from infra.local.parts import Part, StackError
from infra.local.processes import Child, Launch
from infra.local.schema import prepare_database, set_passwords
from infra.local.stack import Stack
from models.search_attributes import SEARCH_ATTRIBUTES
from tests.infra.local_runs import INFRASTRUCTURE, Up, gone, until, up

FIELDS = {
    *("api_url", "temporal_address", "temporal_ui_url", "namespace", "database_url", "bank_url", "bank_outbox"),
    *("metrics_urls", "bank_inbox", "mail_dir", "store_dir", "people", "pids"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder. Not pytest's own: every run of pytest closes the folder of all runs to other users, and
    PostgreSQL runs as another user when we are root.
    """
    with TemporaryDirectory() as name:
        yield Path(name)


def remember(info: dict[str, Any], data: Path) -> None:
    """Leave something in each part that has to be there after a restart."""
    with psycopg.connect(info["database_url"], autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS remembered (word text)")
        connection.execute("INSERT INTO remembered VALUES ('kept')")
    workflow = {"workflowType": {"name": "Kept"}, "taskQueue": {"name": "nobody"}}
    with httpx.Client(trust_env=False, timeout=10) as http:
        http.post(f"{temporal_http(data)}/workflows/kept", json=workflow).raise_for_status()
        account = f"{info['bank_url']}/_mock/accounts/AURUM-USD"
        http.patch(account, json={"balance": 42}).raise_for_status()


def assert_remembered(info: dict[str, Any], data: Path) -> None:
    with psycopg.connect(info["database_url"]) as connection:
        assert connection.execute("SELECT word FROM remembered").fetchone() == ("kept",)
    with httpx.Client(trust_env=False, timeout=10) as http:
        found = http.get(f"{temporal_http(data)}/workflows/kept").raise_for_status().json()
        assert found["workflowExecutionInfo"]["status"] == "WORKFLOW_EXECUTION_STATUS_RUNNING"
        assert http.get(f"{info['bank_url']}/_mock/accounts/AURUM-USD").json()["balance"] == 42


def temporal_http(data: Path) -> str:
    return f"http://127.0.0.1:{read_json(data / 'ports.json')['temporal_http']}/api/v1/namespaces/default"


def addresses(info: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in info.items() if name not in {"pids", "people"}}


def test_killed_parts_come_back_one_by_one(folder: Path) -> None:
    data = folder / "data"
    with up(data, "--only", INFRASTRUCTURE, ready_file=folder / "all") as first:
        whole = first.info()
        assert set(whole) == FIELDS
        assert set(whole["pids"]) == {"db", "temporal", "bank", "supervisor"}
        remember(whole, data)
        with (
            _killed_and_restarted(data, whole, "db") as after_db,
            _killed_and_restarted(data, after_db, "temporal") as after_temporal,
            _killed_and_restarted(data, after_temporal, "bank") as after_bank,
        ):
            assert addresses(after_bank) == addresses(whole)
            assert_remembered(after_bank, data)
            assert first.status() == 1, "a supervisor with nothing left to run ends, and not as if all were well"
            for part in ("db", "temporal", "bank"):
                assert f"The part {part} (pid {whole['pids'][part]}) was ended by signal 9" in first.said()


@contextmanager
def _killed_and_restarted(data: Path, before: dict[str, Any], part: str) -> Iterator[dict[str, Any]]:
    """One part killed and started again by a supervisor of its own, for the length of the block."""
    os.kill(before["pids"][part], signal.SIGKILL)
    with up(data, "--only", part, ready_file=data.parent / part) as alone:
        info = alone.info()
        assert info["pids"][part] != before["pids"][part]
        for other in {"db", "temporal", "bank"} - {part}:
            assert info["pids"][other] == before["pids"][other]
        yield info


def test_the_whole_stack_with_its_application_killed(folder: Path) -> None:
    data = folder / "data"
    with up(data, ready_file=folder / "all") as whole:
        before = whole.info()
        assert set(before["pids"]) == {*Part, "supervisor"}
        assert {"customer", "admin"} <= {person["role"] for person in before["people"]}
        for part in ("worker", "api"):
            os.kill(before["pids"][part], signal.SIGKILL)
        with (
            up(data, "--only", "worker", ready_file=folder / "worker") as worker,
            up(data, "--only", "api", ready_file=folder / "api") as api,
        ):
            worker.info()
            after = api.info()
            assert addresses(after) == addresses(before)
            assert after["people"] == before["people"]
            assert httpx.get(f"{after['api_url']}/ready", trust_env=False, timeout=10).is_success
            api.signal(signal.SIGTERM)
            worker.signal(signal.SIGTERM)
            assert (api.status(), worker.status()) == (0, 0), api.said() + worker.said()
        whole.signal(signal.SIGTERM)
        assert whole.status() == 0, whole.said()


def test_supervisors_that_are_killed_or_stopped_make_way_for_the_next(folder: Path) -> None:
    data = folder / "data"
    with (
        up(data, "--only", INFRASTRUCTURE, ready_file=folder / "first") as first,
        _after_a_kill(first, data, folder / "second") as second,
        _after_a_stop(second, data, folder / "third") as third,
    ):
        everything = third.info()["pids"].values()
        third.signal(signal.SIGINT)
        assert third.status() == 0, third.said()
        assert all(gone(pid) for pid in everything)


@contextmanager
def _after_a_kill(first: Up, data: Path, ready_file: Path) -> Iterator[Up]:
    """A new supervisor at once after SIGKILL of the `first`: no orphan, nothing lost."""
    before = first.info()
    remember(before, data)
    backends = psutil.Process(before["pids"]["db"]).children()
    first.signal(signal.SIGKILL)
    with up(data, "--only", INFRASTRUCTURE, ready_file=ready_file) as second:
        after = second.info()
        assert addresses(after) == addresses(before)
        assert_remembered(after, data)
        left = [*before["pids"].values(), *(backend.pid for backend in backends)]
        until(lambda: all(gone(pid) for pid in left), "every process of the killed stack to end")
        yield second


@contextmanager
def _after_a_stop(second: Up, data: Path, ready_file: Path) -> Iterator[Up]:
    """A new supervisor at once after SIGTERM of the `second`: it waits for the other's end."""
    before = second.info()
    second.signal(signal.SIGTERM)
    with up(data, "--only", INFRASTRUCTURE, ready_file=ready_file) as third:
        assert second.status() == 0, second.said()
        assert not second.ready_file.exists(), "nobody shall take a stopped stack for a running one"
        after = third.info()
        assert all(gone(pid) for pid in before["pids"].values())
        assert addresses(after) == addresses(before)
        assert_remembered(after, data)
        yield third


def test_a_folder_is_started_once(folder: Path) -> None:
    data = folder / "data"
    ready = folder / "ready"
    with up(data, "--only", "bank", ready_file=ready) as first:
        info = first.info()
        with up(data, "--only", "bank", ready_file=ready) as second:
            assert second.status() == 1
            assert _one_sentence(second.said()).startswith(f"The part bank of {data} is already running")
        assert first.info() == info
        assert httpx.get(f"{info['bank_url']}/_mock/health", trust_env=False).is_success


def test_a_taken_port_is_one_sentence(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with up(folder / "data", "--only", "api", "--port", str(port), ready_file=folder / "ready") as refused:
            assert refused.status() == 1
            assert _one_sentence(refused.said()).startswith(f"Port {port} for api is in use by another program")


@pytest.mark.parametrize("wrong", [("--only", "db,mail"), ("--only", ""), ("--port", "0")])
def test_wrong_words_are_refused(folder: Path, wrong: tuple[str, str]) -> None:
    with up(folder / "data", *wrong, ready_file=folder / "ready") as refused:
        assert refused.status() in {1, 2}
        assert "Traceback" not in refused.said()


def test_a_folder_that_is_a_file_is_one_sentence(folder: Path) -> None:
    (folder / "data").write_text("not a folder", encoding="utf-8")
    with up(folder / "data", "--only", "bank", ready_file=folder / "ready") as refused:
        assert refused.status() == 1
        assert _one_sentence(refused.said()).endswith("cannot be used: File exists.")


def _one_sentence(said: str) -> str:
    assert "Traceback" not in said
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    return lines[0]


def test_a_stop_during_the_start_leaves_nothing(folder: Path) -> None:
    data = folder / "data"
    with up(data, "--only", INFRASTRUCTURE, ready_file=folder / "ready") as interrupted:
        record = until(lambda: read_json(data / "run" / "bank.json"), "the first part to be noted")
        assert record["phase"] == Phase.STARTING
        interrupted.signal(signal.SIGTERM)
        assert interrupted.status() == 0, interrupted.said()
    children = psutil.process_iter(["cmdline"])
    assert not [found for found in children if any(str(data) in word for word in found.info["cmdline"] or [])]


def test_a_stale_lock_file_of_postgresql_that_names_a_living_stranger(folder: Path) -> None:
    with Stack(folder) as stack:
        stack.start([Part.DB], migrate=False)
        stack.kill(Part.DB)
        lock_file = folder / "postgres" / "postmaster.pid"
        lines = lock_file.read_text(encoding="utf-8").splitlines()
        lock_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n", encoding="utf-8")
        stack.start([Part.DB], migrate=False)
        with psycopg.connect(stack.info()["database_url"]) as connection:
            assert connection.execute("SHOW data_checksums").fetchone() == ("on",)
            assert connection.execute("SHOW fsync").fetchone() == ("on",)


def test_supervisors_that_start_at_once_set_the_same_passwords(folder: Path) -> None:
    with Stack(folder) as stack, ThreadPoolExecutor(4) as supervisors:
        stack.start([Part.DB], migrate=False)
        prepare_database(stack.site)
        for done in [supervisors.submit(set_passwords, stack.site) for _ in range(100)]:
            done.result()


def test_a_long_and_relative_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    relative = "/".join(["a folder with a rather long name"] * 5)
    with Stack(relative) as stack:
        stack.start([Part.DB], migrate=False)
        assert stack.info()["mail_dir"] == str(folder / relative / "mail")


def test_a_remembered_port_that_was_taken_since_is_replaced(folder: Path) -> None:
    with Stack(folder) as stack:
        stack.start([Part.BANK])
        before = stack.site.ports["bank"]
        stack.stop()
        with socket.create_server(("127.0.0.1", before)):
            stack.start([Part.BANK])
            assert stack.site.ports["bank"] != before
            assert stack.site.ports["db"] == Stack(folder)._claim_site(()).ports["db"]


def test_a_search_attribute_that_came_later_is_registered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(folder) as stack:
        for later in ({}, {"CameLater": "KeywordList"}):
            monkeypatch.setattr("infra.local.temporal.SEARCH_ATTRIBUTES", {**SEARCH_ATTRIBUTES, **later})
            stack.restart(Part.TEMPORAL)
        answer = httpx.get(
            f"{stack.site.temporal_http_url}/cluster/namespaces/default/search-attributes", trust_env=False
        )
        assert {*SEARCH_ATTRIBUTES, "CameLater"} <= answer.json()["customAttributes"].keys()


def test_parts_outlive_the_thread_that_started_them(folder: Path) -> None:
    with Stack(folder) as stack:
        starter = threading.Thread(target=stack.start, args=([Part.BANK],))
        starter.start()
        starter.join()
        pid = stack.info()["pids"]["bank"]
        stack.restart(Part.BANK)
        assert stack.reap() == []
        assert stack.info()["pids"]["bank"] != pid


def test_a_part_that_cannot_start_says_why_and_stops_the_others(folder: Path) -> None:
    with Stack(folder) as stack:
        stack.start([Part.BANK])
        stack.stop()
        (folder / "bank" / "bank.db").unlink()
        (folder / "bank" / "bank.db").mkdir()
        with pytest.raises(StackError, match=r"The part bank .* ended with status 1; its log ends with") as failure:
            stack.start([Part.TEMPORAL, Part.BANK])
        assert "unable to open database file" in str(failure.value)
        assert stack.parts == ()
        assert "temporal" not in stack.info()["pids"]


def test_an_orphan_is_ended_before_its_part_starts_again(folder: Path) -> None:
    home = DataFolder(folder)
    home.prepare()
    lock = PartLock.take(home, Part.BANK)
    orphan = Child(Launch(("sleep", "600"), cwd=folder), home.log(Part.BANK))
    lock.note(Phase.RUNNING, orphan.identity)
    with pytest.raises(StackError, match="already running"):
        PartLock.take(home, Part.BANK)
    lock.release()
    PartLock.take(home, Part.BANK).release()
    assert gone(orphan.pid)
    orphan.wait()


def test_a_number_used_again_is_not_taken_for_the_part(folder: Path) -> None:
    stranger = Child(Launch(("sleep", "600"), cwd=folder), folder / "log")
    try:
        identity = stranger.identity
        assert until(identity.alive, "the program to begin")
        assert not type(identity)(identity.pid, identity.started - 60, identity.command).alive()
        assert not type(identity)(identity.pid, identity.started, ("mockbank",)).alive()
    finally:
        stranger.kill()
