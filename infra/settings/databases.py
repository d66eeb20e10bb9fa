"""What production asks of the three ways into PostgreSQL: a role of its own, a password, a server that is known."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from infra.choices import Risk
from infra.settings.core import CoreSettings

# The ledger's functions know the API by this name, and trust everybody else more.
API_ROLE: Final = "aurum_api"
WORKER_ROLE: Final = "aurum_worker"
LEAST_PASSWORD: Final = 16
# Of libpq's modes those that check who answers.
_SEALED: Final = frozenset({"verify-full", "verify-ca"})
# Ways to be known without a password.
_OTHER_PROOFS: Final = ("passfile", "sslcert", "service", "krbsrvname")


def is_local(host: str) -> bool:
    """Whether a host is this machine: its names, its loopback addresses, a socket's folder."""
    if host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def refused_databases(core: CoreSettings) -> Iterator[str]:
    """Why these addresses of the database may not be used in production, each naming its variable."""
    roles = {
        "AURUM_DATABASE_URL": None,
        "AURUM_DATABASE_API_URL": API_ROLE,
        "AURUM_DATABASE_WORKER_URL": WORKER_ROLE,
    }
    urls = (core.database_url, core.database_api_url, core.database_worker_url)
    for (name, role), url in zip(roles.items(), urls, strict=True):
        if role is None and "database_url" not in core.model_fields_set:
            # The API and the worker do without the owner, and are better not told.
            continue
        parts = _parts(url)
        if parts is None:
            yield f"{name} is no address that PostgreSQL's clients read; write postgresql://role:password@host/database"
            continue
        if role is not None and parts.get("user") != role:
            yield f"{name} has to sign in as {role}: the rights of that role are what the database enforces"
        yield from _proof(name, parts)
        yield from _transport(name, parts, core.accepted_risks)


def _parts(url: SecretStr) -> Mapping[str, Any] | None:
    try:
        return conninfo_to_dict(url.get_secret_value())
    except psycopg.ProgrammingError:
        return None


def _hosts(parts: Mapping[str, Any]) -> list[str]:
    return [host for host in str(parts.get("host", "")).split(",") if host]


def _proof(name: str, parts: Mapping[str, Any]) -> Iterator[str]:
    password = parts.get("password")
    on_a_socket = all(host.startswith(("/", "@")) for host in _hosts(parts))
    if password is None:
        if not on_a_socket and not any(parts.get(other) for other in _OTHER_PROOFS):
            yield f"{name} has no password; give the role one with `openssl rand -base64 24`, or name its sslcert"
    elif len(password) < LEAST_PASSWORD or password == parts.get("user"):
        yield f"{name} has a password of under {LEAST_PASSWORD} characters; make one with `openssl rand -base64 24`"


def _transport(name: str, parts: Mapping[str, Any], accepted: frozenset[Risk]) -> Iterator[str]:
    if Risk.PLAIN_DATABASE in accepted or all(is_local(host) for host in _hosts(parts)):
        return
    if parts.get("sslmode") not in _SEALED:
        yield (
            f"{name} is another machine that does not have to prove itself; add ?sslmode=verify-full&sslrootcert=FILE,"
            " or plain_database to AURUM_ACCEPTED_RISKS where the network between is yours alone"
        )
