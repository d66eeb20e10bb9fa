"""What an operator reads in the Temporal UI: a case, while they are signed in at the console, and otherwise that it is
sealed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import CHROMIUM, Bank, Officer

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt install chromium, or name one with AURUM_CHROMIUM"
)
Come = Callable[..., Officer]
# The UI asks Temporal and the codec for each part of a page, and the machine does much else.
PATIENCE = 30_000
WIDE = {"viewport": {"width": 1400, "height": 1000}}


@pytest.fixture
def stranger(chromium: Browser) -> Iterator[Page]:
    """The browser of somebody who is signed in nowhere."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    yield context.new_page()
    context.close()


def _open_process(page: Page, bank: Bank, wire_id: str) -> None:
    page.goto(f"{bank.info['temporal_ui_url']}/namespaces/default/workflows/wire%2F{wire_id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text(wire_id, timeout=PATIENCE)


def _take_the_cookie_along(page: Page, bank: Bank) -> None:
    """What an operator does once in a browser, as `/console/processes` tells them."""
    page.get_by_test_id("data-encoder-status-error").click(timeout=PATIENCE)
    page.get_by_test_id("use-local-endpoint-input").check()
    page.get_by_placeholder("endpoint").fill(f"{bank.url}/codec")
    page.get_by_text("Include cross-origin credentials").click()
    page.get_by_role("button", name="Apply").click()
    page.reload()


def _lines(bank: Bank) -> list[tuple[str, int]]:
    return bank.rows(
        "SELECT u.email, (l.new_values ->> 'opened')::int FROM audit_logs l JOIN users u ON u.id = l.user_id"
        " WHERE l.action = 'codec.decode' AND l.outcome = 'done' ORDER BY l.id"
    )


def test_an_operator_reads_a_case_in_the_temporal_ui_and_goes_back_to_the_console(
    bank: Bank, officer: Come, tmp_path: Path
) -> None:
    wire_id = bank.wire("1234.00", recipient="Sealed & Sons")
    one, before = officer("otis", **WIDE), _lines(bank)
    one.go(f"/console/wires/{wire_id}")
    one.page.get_by_role("link", name="The process in the Temporal UI").click()
    page = one.page
    expect(page.get_by_role("heading", level=1)).to_contain_text(wire_id, timeout=PATIENCE)
    # The page of Temporal knows nothing of the console's cookie yet.
    assert _lines(bank) == before
    _take_the_cookie_along(page, bank)
    expect(page.get_by_text('"amount_minor"')).to_be_visible(timeout=PATIENCE)
    page.screenshot(path=tmp_path / "input.png")
    page.get_by_test_id("user-metadata-tab").click()
    frames = page.locator("iframe")
    expect(frames).to_have_count(3, timeout=PATIENCE)
    case_file = frames.last.content_frame
    expect(case_file.get_by_text("Waiting for officers.")).to_be_visible(timeout=PATIENCE)
    expect(case_file.get_by_role("row", name="Amount")).to_contain_text("1,234.00 USD")
    page.screenshot(path=tmp_path / "case.png")
    back = page.frame_locator("#user-metadata-details").get_by_role("link", name="The case in the console")
    with page.expect_popup() as opened:
        back.click()
    expect(opened.value.get_by_role("heading", level=1)).to_contain_text("Sealed & Sons")
    assert opened.value.url == f"{bank.url}/console/wires/{wire_id}"
    lines = _lines(bank)[len(before) :]
    assert {email for email, _ in lines} == {bank.person("otis")["email"]}
    assert sum(opened for _, opened in lines) > 5


def test_who_is_not_signed_in_sees_that_it_is_sealed(bank: Bank, stranger: Page, tmp_path: Path) -> None:
    wire_id = bank.wire("4321.00", recipient="Closed & Sons")
    before = _lines(bank)
    _open_process(stranger, bank, wire_id)
    _take_the_cookie_along(stranger, bank)
    expect(stranger.get_by_test_id("data-encoder-status-error")).to_be_visible(timeout=PATIENCE)
    # What the payload of the input begins with: the version and the key's id.
    expect(stranger.get_by_text('"AQEx', exact=False).first).to_be_visible(timeout=PATIENCE)
    expect(stranger.get_by_text("amount_minor")).to_have_count(0)
    stranger.screenshot(path=tmp_path / "sealed.png")
    assert _lines(bank) == before


def test_the_console_leads_to_views_that_find_the_case(bank: Bank, officer: Come) -> None:
    wire_id = bank.wire("2345.00")
    one = officer("otis", **WIDE)
    one.go("/console/processes")
    one.is_accessible()
    one.page.get_by_role("link", name="Wires before officers").click()
    expect(one.page.get_by_role("link", name=wire_id).first).to_be_visible(timeout=PATIENCE)
