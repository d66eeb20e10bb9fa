"""What officers and operations do at the console, in a browser: with the mouse, with the keyboard, on a telephone."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import CHROMIUM, Bank, Officer

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt install chromium, or name one with AURUM_CHROMIUM"
)
Come = Callable[..., Officer]
PAGES = (
    "",
    "/wires",
    "/wires?tab=ended",
    "/people",
    "/ledger",
    "/audit",
    "/audit/verify",
    "/processes",
    "/schedules",
    "/find?q=globex",
    "/transactions",
    "/reversals",
    "/reconciliation",
    "/approval",
)
# Of the compliance desk.
DESK_PAGES = (
    "/kyc",
    "/compliance",
    "/compliance/blocked",
    "/compliance/reports",
    "/monitoring",
    "/monitoring/rules",
    "/approval",
    "/approval/matrix",
)
# Long forms, which are looked at once: where they have the least room.
FORM_PAGES = ("/monitoring/rules/propose", "/approval/matrix/propose")


def test_two_officers_approve_a_large_wire_and_nobody_approves_twice(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("300000.00")
    first, second = officer("oona"), officer("pavel")
    for one in (first, second):
        one.go("/console/wires")
        one.page.get_by_role("link", name="300,000.00 USD").first.click()
        expect(one.page.get_by_role("heading", level=1)).to_contain_text("Globex Trading Ltd")
    first.page.get_by_label("Comment").fill("The invoice is there")
    first.page.get_by_role("button", name="Approve").click()
    expect(first.page.get_by_role("status")).to_have_text("Your approval is recorded.")
    expect(first.page.locator("dl").first).to_contain_text("1 of 2")
    first.page.get_by_role("button", name="Approve").click()
    expect(first.page.get_by_role("heading", level=1)).to_have_text("Already decided")
    second.page.get_by_role("button", name="Approve").click()
    expect(second.page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(second.page.locator(".timeline")).to_contain_text("approval given")
    assert wire_id in second.page.url


def test_a_rejection_needs_a_reason_and_the_reason_is_shown(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("77.00")
    one = officer("oona")
    one.go(f"/console/wires/{wire_id}")
    one.page.get_by_role("button", name="Reject").click()
    expect(one.page.get_by_role("button", name="Reject")).to_be_visible()  # the browser asks for the reason
    one.page.get_by_label("Reason").fill("No contract")
    one.page.get_by_role("button", name="Reject").click()
    expect(one.page.locator(".case .pill").first).to_have_text("rejected")
    expect(one.page.locator(".timeline")).to_contain_text("No contract")


def test_a_deadline_counts_down_and_turns_red_without_a_reload(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("88.00")
    # Within an hour of it, each second is shown.
    bank.change("UPDATE wire_transfers SET sla_deadline = now() + interval '50 minutes' WHERE id = %s", wire_id)
    one = officer("oona")
    one.go("/console/wires")
    row = one.page.locator("tr", has=one.page.locator(f"a[href='/console/wires/{wire_id}']"))
    expect(row.locator("time").first).to_contain_text(re.compile(r"\d+ s"))
    expect(row.locator("time").first).not_to_have_text(row.locator("time").first.inner_text())
    bank.change("UPDATE wire_transfers SET sla_deadline = now() - interval '90 seconds' WHERE id = %s", wire_id)
    expect(row.locator("time").first).to_have_class("countdown late", timeout=15_000)
    expect(row.locator("time").first).to_contain_text("late by 1 min")


def test_two_officers_clear_a_similar_name_and_the_wire_goes_on(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("55.00", recipient="Viktor Drazhenka", compliance_status="in_review")
    first, second = officer("oona"), officer("pavel")
    for one in (first, second):
        one.go(f"/console/wires/{wire_id}")
    hit = first.page.get_by_role("article", name="Hit 1")
    expect(hit).to_contain_text("Viktor Drazhenko")
    hit.get_by_label("Why").fill("Another year of birth")
    first.is_accessible()
    hit.get_by_role("button", name="It is another").click()
    expect(first.page.get_by_role("article", name="Hit 1")).to_contain_text("Another year of birth")
    expect(first.page.get_by_role("button", name="Confirm: clear")).to_have_count(0)
    second.page.reload()
    second.page.get_by_role("button", name="Confirm: clear").click()
    expect(second.page.get_by_role("article", name="Hit 1").locator(".pill")).to_have_text("cleared")
    bank.until(
        lambda: second.page.reload() is not None and second.page.get_by_role("button", name="Approve").count() == 1
    )


def test_an_officer_asks_the_customer_and_approves_when_they_have_answered(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("120.00")
    one = officer("oona")
    one.go(f"/console/wires/{wire_id}")
    one.page.get_by_label("Question to the customer").fill("What is invoice 77 for?")
    one.page.get_by_role("button", name="Ask").click()
    expect(one.page.locator(".case .pill").first).to_have_text("info requested")
    expect(one.page.get_by_role("button", name="Approve")).to_have_count(0)
    expect(one.page.locator(".timeline").first).to_contain_text("not answered yet")
    with bank.at_the_door("ada") as api:
        api.put(f"/wires/{wire_id}/info", json={"answer": "For twelve lanterns"}).raise_for_status()
    one.page.reload()
    expect(one.page.locator(".timeline").first).to_contain_text("For twelve lanterns")
    one.page.get_by_role("button", name="Approve").click()
    expect(one.page.get_by_role("status")).to_have_text("Your approval is recorded.")


def test_a_split_sum_becomes_a_case_that_two_officers_explain(bank: Bank, officer: Come) -> None:
    # By somebody who orders no wires, which other rules would speak of.
    for number in range(3):
        bank.transfer("9500.00", f"Boat, part {number + 1}", payer="tomas", payee="ada")
    operator = officer("otis")
    operator.go("/console/schedules/transaction-monitoring")
    operator.page.get_by_role("button", name="Run now").click()
    expect(operator.page.get_by_role("status")).to_have_text("A run was asked for.")
    first, second = officer("oona"), officer("pavel")
    first.go("/console/monitoring")
    case = first.page.get_by_role("link", name="Tomas Fern")
    bank.until(lambda: first.page.reload() is not None and case.count() == 1)
    case.click()
    expect(first.page.get_by_role("heading", name="Structuring below report")).to_be_visible()
    expect(first.page.locator("main")).to_contain_text("came to 28,500.00 USD within 3 days")
    expect(first.page.locator("main")).to_contain_text("Boat, part 3")
    first.is_accessible()
    first.page.get_by_role("button", name="Look after it").click()
    expect(first.page.get_by_role("status")).to_have_text("You look after this case.")
    first.page.get_by_label("Why").fill("Bought a boat in three parts; the contract is there")
    first.page.get_by_role("button", name="Close the case").click()
    expect(first.page.get_by_role("status")).to_have_text("Explained. Another officer confirms it.")
    expect(first.page.get_by_role("button", name="Confirm the explanation")).to_have_count(0)
    second.page.goto(first.page.url.split("?")[0])
    second.is_accessible()
    second.page.get_by_role("button", name="Confirm the explanation").click()
    expect(second.page.get_by_role("status")).to_have_text("The explanation is confirmed; the case is closed.")
    expect(second.page.locator(".case .pill").first).to_have_text("closed")


def test_two_of_operations_explain_where_the_books_differ(bank: Bank, officer: Come) -> None:
    bank.differ("W-77 of a correspondent")
    first, second = officer("otis"), officer("runa")
    for one in (first, second):
        one.go("/console/reconciliation")
    found = first.page.get_by_role("region", name="Not in ours: -123,000.00 USD")
    found.get_by_label("Why the books differ").fill("Fee of the correspondent for 2025")
    first.is_accessible()
    found.get_by_role("button", name="Explain").click()
    expect(first.page.get_by_role("status")).to_have_text("Explained. Another person confirms it.")
    expect(first.page.get_by_role("button", name="Confirm the explanation")).to_have_count(0)
    second.page.reload()
    second.page.get_by_role("button", name="Confirm the explanation").click()
    expect(second.page.get_by_role("status")).to_have_text("The break is closed.")
    second.page.get_by_role("link", name="Explained").click()
    expect(second.page.locator("main")).to_contain_text("Fee of the correspondent for 2025")


def test_a_transfer_is_asked_back_and_the_request_withdrawn(bank: Bank, officer: Come) -> None:
    bank.transfer("12000.00", "Sent by mistake")
    one = officer("otis")
    one.go("/console/transactions?text=by+mistake")
    one.page.get_by_role("link", name="transfer").first.click()
    expect(one.page.get_by_role("heading", name="Take it back")).to_be_visible()
    one.is_accessible()
    one.page.get_by_label("Why").fill("The customer called")
    one.page.get_by_role("button", name="Take it back").click()
    expect(one.page.get_by_role("status")).to_have_text("Asked for. Another officer confirms it.")
    one.page.get_by_role("link", name="Transactions", exact=True).click()
    one.page.get_by_role("link", name="Reversals that wait").click()
    expect(one.page.get_by_role("heading", level=1)).to_have_text("Reversals that wait for a second officer")
    one.is_accessible()
    one.page.get_by_role("button", name="Withdraw").click()
    expect(one.page.get_by_role("status")).to_have_text("Withdrawn.")
    expect(one.page.locator(".decide .pill")).to_have_text("withdrawn")


def test_an_officer_reads_a_document_and_approves_a_customer(bank: Bank, officer: Come) -> None:
    bank.apply("lev")
    one = officer("oona")
    one.go("/console/kyc")
    one.page.get_by_role("link", name="Lev Reed").click()
    with one.page.expect_download() as downloading:
        one.page.get_by_role("link", name="passport").click()
    assert downloading.value.suggested_filename.endswith(".jpg")
    one.is_accessible()
    one.page.get_by_label("A note for officers").fill("Looks right")
    one.page.get_by_role("button", name="Note").click()
    expect(one.page.locator(".timeline", has_text="Looks right")).to_be_visible()
    one.page.get_by_role("button", name="Approve").click()
    expect(one.page.locator(".case .pill").first).to_have_text("approved")


def test_operations_pause_a_schedule_and_let_it_go_on(officer: Come) -> None:
    one = officer("otis")
    one.go("/console/schedules")
    one.page.get_by_role("link", name="session-cleanup").click()
    one.page.get_by_label("Why").fill("The host moves tonight")
    one.page.get_by_role("button", name="Pause").click()
    expect(one.page.locator(".case")).to_contain_text("The host moves tonight")
    expect(one.page.locator(".case .pill")).to_have_text("paused")
    one.page.get_by_label("Why").fill("It has moved")
    one.page.get_by_role("button", name="Resume").click()
    expect(one.page.locator(".case .pill")).to_have_text("active")


def test_everything_is_reached_by_keyboard(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("99.00", recipient="Keyboard & Sons")
    one = officer("oona")
    one.go("/console")
    one.page.keyboard.press("Tab")
    expect(one.page.get_by_role("link", name="To the content")).to_be_focused()
    one.page.keyboard.press("Control+k")
    one.page.keyboard.type("keyboard & s")
    one.page.keyboard.press("Enter")
    one.page.wait_for_url("**/console/find?**")
    link = one.page.get_by_role("link", name="Keyboard & Sons").first
    for _ in range(30):
        one.page.keyboard.press("Tab")
        if link.evaluate("node => node === document.activeElement"):
            break
    one.page.keyboard.press("Enter")
    one.page.wait_for_url(f"**/console/wires/{wire_id}")


def test_a_freeze_asks_again_who_it_is_when_that_was_long_ago(bank: Bank, officer: Come) -> None:
    one = officer("otis")
    one.go("/console/people?q=tomas")
    one.page.get_by_role("link", name="Tomas Fern").click()
    here = one.page.url
    bank.change(
        "UPDATE sessions SET auth_time = now() - interval '1 hour' WHERE user_id = %s", bank.person("otis")["user_id"]
    )
    one.page.get_by_label("Why").first.fill("Asked for by telephone")
    one.page.get_by_role("button", name="Freeze").click()
    expect(one.page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    one.page.get_by_label("Your password").fill(bank.person("otis")["password"])
    one.page.get_by_role("button", name="Confirm").click()
    one.page.wait_for_url(f"{here}?**")
    one.page.get_by_label("Why").first.fill("Asked for by telephone")
    one.page.get_by_role("button", name="Freeze").click()
    expect(one.page.locator(".case .pill").first).to_have_text("frozen")
    oona = officer("oona")
    oona.page.goto(here)
    oona.page.get_by_label("Why").first.fill("Called back")
    oona.page.get_by_role("button", name="End the freeze").click()
    expect(oona.page.locator(".case .pill").first).to_have_text("active")


@pytest.mark.parametrize(
    "context",
    [
        {"color_scheme": "light"},
        {"color_scheme": "dark"},
        {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    ],
    ids=["light", "dark", "narrow"],
)
def test_every_page_is_accessible_and_fits(bank: Bank, officer: Come, context: dict[str, object]) -> None:
    wire_id = bank.wire("66.00")
    one = officer("otis", **context)
    for path in (*PAGES, f"/wires/{wire_id}", "/schedules/ledger-proof", f"/people/{bank.person('ada')['user_id']}"):
        one.go(f"/console{path}")
        one.is_accessible()
    deciding = officer("oona", **context)
    forms = FORM_PAGES if "viewport" in context else ()
    for path in (*DESK_PAGES, *forms, f"/wires/{wire_id}"):
        deciding.go(f"/console{path}")
        deciding.is_accessible()
    deciding.page.get_by_role("button", name="Sign out").click()
    deciding.is_accessible()
