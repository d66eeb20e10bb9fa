"""People of the staff at the console, each with a browser of their own, spoken to by HTTP."""

import re
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.factories.users import Person, add_officer

CONSOLE = "/console"


class Staff:
    """Somebody of the staff at the console."""

    def __init__(self, browser: httpx.AsyncClient, person: Person) -> None:
        self.browser, self.person = browser, person

    async def look(self, path: str) -> str:
        """A page."""
        shown = await self.browser.get(f"{CONSOLE}{path}")
        assert shown.status_code == 200, f"{path}: {shown.status_code} {shown.text[:600]}"
        return shown.text

    async def send(self, page: str, to: str, **fields: Any) -> httpx.Response:
        """A form of a page."""
        found = re.search(r'name="csrf" value="([^"]+)"', await self.look(page))
        assert found
        return await self.browser.post(f"{CONSOLE}{to}", data={"csrf": found[1], **fields})

    async def done(self, page: str, to: str, **fields: Any) -> None:
        """A form that is taken."""
        answered = await self.send(page, to, **fields)
        assert answered.status_code == 303, answered.text[:800]


class Office:
    """Where they come from."""

    def __init__(self, app: FastAPI, owner: AsyncEngine) -> None:
        self.app, self.owner = app, owner
        self.browsers: list[httpx.AsyncClient] = []

    async def come(self, preset: str, **columns: Any) -> Staff:
        """A new one of them, signed in."""
        person = await add_officer(self.owner, preset, **columns)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url="http://aurum.test")
        self.browsers.append(browser)
        sent = await browser.post(f"{CONSOLE}/sign-in", data={"email": person.email, "password": person.password})
        assert sent.status_code == 303, sent.text[:500]
        return Staff(browser, person)


def filled(page: str, action: str) -> dict[str, str]:
    """The form of a page that is sent to `action`, as a browser sends it back."""
    form = page[page.index(f'action="{CONSOLE}{action}"') :]
    form = form[: form.index("</form>")]
    fields = {
        name: value
        for tag in re.findall(r"<input ([^>]*)>", form)
        if (name := _said(tag, "name")) and ("checkbox" not in tag or "checked" in tag)
        for value in [_said(tag, "value") or ("on" if "checkbox" in tag else "")]
    }
    for name, options in re.findall(r'<select name="([^"]+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        fields[name] = chosen[1] if chosen else ""
    return fields


def _said(tag: str, attribute: str) -> str:
    found = re.search(rf'(?<![-\w]){attribute}="([^"]*)"', tag)
    return found[1] if found else ""
