"""Rules of signing in: what a password may be, what becomes of a refresh token, who may do what."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.auth import (
    CUSTOMER_PERMISSIONS,
    LONGEST_PASSWORD,
    PRESETS,
    REFRESH_GRACE,
    SHORTEST_PASSWORD,
    Permission,
    RefreshVerdict,
    check_password,
    common_passwords,
    judge_refresh,
    permissions_of,
    successor,
    token_hash,
)
from models.errors import WeakPassword

NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
MOMENT = timedelta(microseconds=1)


def test_the_list_of_common_passwords_is_a_real_one() -> None:
    assert len(common_passwords()) > 3000
    assert all(one == one.lower() for one in common_passwords())


@pytest.mark.parametrize(
    "password",
    [
        "",
        "elevenchars",
        "x" * 129,
        "123456789012",
        "1234567890qwertyuiop"[:12],
        "Passwordpassword",
        "Sunshine2026!",
        "ab" * 8,
    ],
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password)


@pytest.mark.parametrize(
    "password", ["harbour lantern quiet", "зимний вечер у моря", "correct-horse-battery-9", "x9" * 6 + "yz"]
)
def test_long_uncommon_passwords_need_no_special_characters(password: str) -> None:
    check_password(password)


@given(st.text(max_size=200))
def test_any_text_is_judged_and_nothing_else_is_raised(password: str) -> None:
    try:
        check_password(password)
    except WeakPassword:
        return
    assert SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD


@pytest.mark.parametrize(
    ("expires_at", "used_at", "over", "verdict"),
    [
        (LATER, None, False, RefreshVerdict.ROTATE),
        (NOW + MOMENT, None, False, RefreshVerdict.ROTATE),
        (NOW, None, False, RefreshVerdict.REFUSE),
        (LATER, None, True, RefreshVerdict.REFUSE),
        (LATER, NOW, False, RefreshVerdict.REPEAT),
        (LATER, NOW - REFRESH_GRACE, False, RefreshVerdict.REPEAT),
        (LATER, NOW - REFRESH_GRACE - MOMENT, False, RefreshVerdict.REUSED),
        (NOW - MOMENT, NOW - REFRESH_GRACE - MOMENT, False, RefreshVerdict.REUSED),
        (LATER, NOW - timedelta(days=3), True, RefreshVerdict.REFUSE),
    ],
)
def test_a_refresh_token_is_judged_by_its_history(
    expires_at: datetime, used_at: datetime | None, over: bool, verdict: RefreshVerdict
) -> None:
    assert judge_refresh(expires_at, used_at, NOW, session_over=over) is verdict


def test_a_successor_is_the_same_for_all_and_known_to_none_without_the_secret() -> None:
    assert successor("token", "secret") == successor("token", "secret")
    assert len({successor("token", "secret"), successor("token", "other"), successor("another", "secret")}) == 3
    assert successor("token", "secret") not in token_hash("token").hex()


def test_presets_are_those_of_the_contract() -> None:
    reads = {"accounts:read", "transactions:read", "wires:read"}
    officer = {"wires:read", "wires:approve", "admin:compliance"}
    assert permissions_of("admin", "compliance_officer") == officer
    assert permissions_of("admin", "senior_compliance_officer") == officer | {"wires:high_value"}
    assert permissions_of("admin", "operations") == reads | {"admin:system"}
    assert permissions_of("admin", "auditor") == reads | {"admin:reports"}
    assert permissions_of("super_admin", None) == PRESETS["super_admin"] == set(Permission)
    assert permissions_of("admin", "unknown") == permissions_of("admin", None) == frozenset()
    assert permissions_of("admin", "auditor", ["admin:users"]) == reads | {"admin:reports", "admin:users"}


def test_a_customer_has_a_customers_rights_whatever_else_the_row_says() -> None:
    assert permissions_of("customer", "super_admin", ["admin:users"]) == CUSTOMER_PERMISSIONS
    assert not {one for one in CUSTOMER_PERMISSIONS if one.startswith("admin:") or one.endswith("approve")}


@pytest.mark.parametrize("password", ["Mira.Example-1988!", "aurum-mira-example", "exampleMIRAmira", "Aurum Aurum 20"])
def test_a_password_made_of_its_person_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password, "mira.example@people.example", "Mira", "Example")


@pytest.mark.parametrize("password", ["harbour lantern quiet", "mira harbours lanterns", "violet-example-41-harbour"])
def test_a_password_that_only_mentions_its_person_is_taken(password: str) -> None:
    check_password(password, "mira.example@people.example", "Mira", "Example")
