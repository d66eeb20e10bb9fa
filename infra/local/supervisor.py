"""`up`: run a stack in the foreground until it is told to stop."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from rich.console import Console

from infra.local.folder import read_json, write_atomically
from infra.local.parts import StackError, StartCancelledError, parse_parts
from infra.local.progress import reporter
from infra.local.stack import Stack

_LOOK_SECONDS: Final = 0.05
_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """One foreground run of a stack, from its start to its stop."""

    def __init__(
        self,
        data: Path,
        *,
        port: int | None = None,
        ready_file: Path | None = None,
        only: str | None = None,
        then: Callable[[Stack, Console], int | None] | None = None,
    ) -> None:
        """A run over the folder `data`. `then` is called when all is up; a status that it returns ends the run.

        Raises `StackError` when `only` names no part.
        """
        self._parts = parse_parts(only)
        self._console = Console()
        self._stack = Stack(data, port=port, reporter=reporter(self._console))
        self._ready_file = ready_file.expanduser().resolve() if ready_file else None
        self._then = then
        self._stop_requests = 0

    def run(self) -> int:
        """Start, report, watch, stop. Returns 0 after a requested stop, 1 when nothing is left running.

        Raises `StackError` when the start fails.
        """
        for number in _STOP_SIGNALS:
            # Under nohup a hang-up is ignored, and stays so.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            self._start()
            status = self._then(self._stack, self._console) if self._then else None
            return self._watch() if status is None else status
        except StartCancelledError:
            return 0
        finally:
            self._stack.stop()
            if self._ready_file is not None and _supervisor_in(self._ready_file) == os.getpid():
                self._ready_file.unlink(missing_ok=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self._stop_requests += 1
        self._stack.cancel()
        if self._stop_requests > 1:
            # A person who asks twice does not want to wait for an orderly stop.
            self._stack.kill_processes()

    def _start(self) -> None:
        began = time.monotonic()
        self._stack.start(self._parts, claimed=self._remove_ready_file)
        info = self._stack.info()
        if self._ready_file is not None:
            write_atomically(self._ready_file, json.dumps(info, indent=1))
        self._greet(info, time.monotonic() - began)

    def _remove_ready_file(self) -> None:
        """A file of an earlier run would tell a waiting script that this one is up."""
        if self._ready_file is not None:
            try:
                self._ready_file.unlink(missing_ok=True)
                self._ready_file.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StackError(f"The ready file {self._ready_file} cannot be written: {error.strerror}.") from error

    def _watch(self) -> int:
        while not self._stop_requests:
            for death in self._stack.reap():
                print(death.sentence(), file=sys.stderr, flush=True)
            if not self._stack.parts:
                return 1
            time.sleep(_LOOK_SECONDS)
        return 0

    def _greet(self, info: dict[str, Any], seconds: float) -> None:
        lines = {
            "API": f"{info['api_url']}/api/v1",
            "Console": f"{info['api_url']}/console",
            "Temporal UI": info["temporal_ui_url"],
            "bank": info["bank_url"],
            "metrics": "{api} {worker}".format(**info["metrics_urls"]),
        }
        self._console.print(
            f"up in {seconds:.1f} s, data in {self._stack.folder.root}", soft_wrap=True, highlight=False
        )
        for name, address in lines.items():
            self._console.print(f"  {name:<12} {address}", soft_wrap=True, highlight=False)


def _supervisor_in(ready_file: Path) -> int | None:
    match read_json(ready_file):
        case {"pids": {"supervisor": int(pid)}}:
            return pid
        case _:
            return None
