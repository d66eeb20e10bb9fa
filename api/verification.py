"""The pages behind the links of mails: one confirms an e-mail address, one sets a new password.

Opening one does nothing yet, so that a mail scanner that follows links uses no code up; the button does. They need no
other host, and what is in the address reaches the server by the button alone.
"""

import secrets
from typing import Final

from fastapi import APIRouter, Response

from api.routing import PREFIX

router = APIRouter()

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>{title}</h1>
<p id="said" role="status">{asked}</p>
<form id="form">{field}<button>{button}</button></form></main>
<script nonce="{nonce}">
const token = new URLSearchParams(location.search).get("token") || "";
history.replaceState(null, "", location.pathname);
document.getElementById("form").addEventListener("submit", async (event) => {{
  event.preventDefault();
  const given = Object.fromEntries(new FormData(event.target));
  const answer = await fetch(location.pathname, {{
    method: "POST", headers: {{"Content-Type": "application/json"}}, body: JSON.stringify({{token, ...given}}),
  }});
  const told = await answer.json();
  document.getElementById("said").textContent = answer.ok ? "Thank you. You can sign in now." : told.detail;
  if (answer.ok) event.target.remove();
}});
</script></body></html>"""
_FIELD: Final = (
    '<label>New password <input type="password" name="password" autocomplete="new-password" required '
    'minlength="12" maxlength="128"></label> '
)


@router.get(f"{PREFIX}/auth/verify-email", include_in_schema=False)
async def verification_page() -> Response:
    """The page with the button."""
    asked = "Press the button to confirm that this address is yours."
    return _page(title="Confirm your e-mail address", asked=asked, field="", button="Confirm")


@router.get(f"{PREFIX}/auth/reset-password", include_in_schema=False)
async def reset_page() -> Response:
    """The page that asks for the new password."""
    asked = "Choose a password of at least 12 characters. All your sessions end."
    return _page(title="Set a new password", asked=asked, field=_FIELD, button="Set the password")


def _page(**words: str) -> Response:
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; form-action 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return Response(_PAGE.format(nonce=nonce, **words), media_type="text/html", headers=headers)
