"""Opening accounts and finding them."""

from decimal import Decimal
from unittest.mock import patch

import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from infra.database import transaction
from models.accounts import AccountType, is_own_number
from models.errors import NotFound, Unavailable, UnknownCurrency
from models.tables import accounts
from tests.models.tables.bank import TEN, Bank, customer


@pytest.mark.parametrize(("currency", "zero"), [("EUR", "0.00"), ("JPY", "0"), ("BHD", "0.000")])
async def test_a_customer_opens_an_empty_account_in_a_currency(bank: Bank, currency: str, zero: str) -> None:
    async with transaction(bank.api, customer(bank.clara)) as session:
        opened = await accounts.open_account(session, bank.clara, AccountType.SAVINGS, currency, "rainy days")
    assert is_own_number(opened.account_number)
    assert opened.account_number.startswith("NL") == (currency == "EUR")
    assert (opened.status, opened.name, opened.account_type) == ("active", "rainy days", "savings")
    assert [str(amount) for amount in (opened.balance, opened.available_balance, opened.held)] == [zero] * 3
    assert opened.opened_at.tzinfo is not None
    assert opened.closed_at is None


async def test_an_account_in_a_currency_that_the_bank_does_not_keep_is_not_opened(bank: Bank) -> None:
    async with transaction(bank.api, customer(bank.clara)) as session:
        with pytest.raises(UnknownCurrency):
            await accounts.open_account(session, bank.clara, AccountType.CHECKING, "XXX")


async def test_a_taken_number_is_drawn_again_without_harm_to_the_transaction(bank: Bank) -> None:
    async with transaction(bank.api, customer(bank.clara)) as session:
        with patch("secrets.randbelow", side_effect=[7, 7, 7, 8]):
            first = await accounts.open_account(session, bank.clara, AccountType.CHECKING, "EUR")
            second = await accounts.open_account(session, bank.clara, AccountType.CHECKING, "EUR")
    assert first.account_number[-10:] == "0000000007"
    assert second.account_number[-10:] == "0000000008"


async def test_a_source_of_numbers_that_repeats_itself_is_not_asked_for_ever(bank: Bank) -> None:
    async with transaction(bank.api, customer(bank.clara)) as session:
        with patch("secrets.randbelow", return_value=7):
            await accounts.open_account(session, bank.clara, AccountType.CHECKING, "EUR")
            with pytest.raises(Unavailable):
                await accounts.open_account(session, bank.clara, AccountType.CHECKING, "EUR")


async def test_a_customer_finds_their_own_accounts_and_no_others(bank: Bank) -> None:
    async with transaction(bank.api, customer(bank.clara)) as session:
        own = await accounts.accounts_of(session, bank.clara)
        found = await accounts.owned_account(session, bank.clara, bank.clara_account)
        with pytest.raises(NotFound):
            await accounts.owned_account(session, bank.clara, bank.dora_account)
        with pytest.raises(NotFound):
            await accounts.owned_account(session, bank.dora, bank.dora_account)
    assert [account.id for account in own] == [bank.clara_account, bank.clara_savings]
    assert found.posted_minor == TEN
    assert found.balance == Decimal("10.00")


async def test_a_balance_is_never_written_from_python(bank: Bank) -> None:
    async with bank.worker.connect() as connection, AsyncSession(connection) as session:
        found = await accounts.owned_account(session, bank.clara, bank.clara_account)
        found.posted_minor = 10 * TEN
        with pytest.raises(DBAPIError, match="permission denied"):
            await session.flush()
