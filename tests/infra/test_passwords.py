"""Password hashing: what is verified, what is upgraded, and how many may wait."""

import asyncio
from collections.abc import Callable, Iterator

import bcrypt
import pytest

from infra import passwords
from infra.passwords import Passwords
from models.errors import Unavailable
from tests.factories.users import PASSWORD, quick_hash


@pytest.fixture
def hashing() -> Iterator[Passwords]:
    opened = Passwords()
    yield opened
    opened.close()


async def test_a_password_verifies_against_its_own_hash_and_no_other(hashing: Passwords) -> None:
    stored = await hashing.hash(PASSWORD)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert await hashing.verify(PASSWORD, stored) == (True, None)
    assert await hashing.verify(PASSWORD + "!", stored) == (False, None)
    assert stored != await hashing.hash(PASSWORD)


@pytest.mark.parametrize("stored", [None, "", "plain text", "$argon2id$broken", "$2b$12$short"])
async def test_nobody_and_nonsense_never_verify(hashing: Passwords, stored: str | None) -> None:
    assert await hashing.verify(PASSWORD, stored) == (False, None)


def _bcrypt_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


@pytest.mark.parametrize("older", [quick_hash, _bcrypt_hash])
async def test_an_outdated_hash_verifies_and_is_replaced(hashing: Passwords, older: Callable[[str], str]) -> None:
    old = older(PASSWORD)
    right, renewed = await hashing.verify(PASSWORD, old)
    assert right
    assert renewed is not None
    assert await hashing.verify(PASSWORD, renewed) == (True, None)
    assert await hashing.verify("another password", old) == (False, None)


async def test_too_many_at_once_are_asked_to_come_back(hashing: Passwords) -> None:
    stored = quick_hash(PASSWORD)
    asked = passwords.LONGEST_QUEUE + 5
    answers = await asyncio.gather(*(hashing.verify("wrong", stored) for _ in range(asked)), return_exceptions=True)
    assert sum(isinstance(answer, Unavailable) for answer in answers) == 5
    assert await hashing.verify("wrong", stored) == (False, None)
