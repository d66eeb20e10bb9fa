"""The page behind the link of a verification mail.

Opening it does nothing yet, so that a mail scanner that follows links uses no code up; the button does. It needs no
other host, and what is in the address reaches the server by the button alone.
"""

import secrets
from typing import Final

from fastapi import APIRouter, Response

from api.routing import PREFIX

router = APIRouter()

_PAGE: Final = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Confirm your e-mail address</title>
<meta name="viewport" content="width=device-width"></head><body><main><h1>Confirm your e-mail address</h1>
<p id="said" role="status">Press the button to confirm that this address is yours.</p>
<button id="go">Confirm</button></main>
<script nonce="{nonce}">
document.getElementById("go").addEventListener("click", async (event) => {{
  event.target.disabled = true;
  const token = new URLSearchParams(location.search).get("token") || "";
  history.replaceState(null, "", location.pathname);
  const answer = await fetch(location.pathname, {{
    method: "POST", headers: {{"Content-Type": "application/json"}}, body: JSON.stringify({{token}}),
  }});
  const told = await answer.json();
  document.getElementById("said").textContent = answer.ok ? "Thank you. You can sign in now." : told.detail;
}});
</script></body></html>"""


@router.get(f"{PREFIX}/auth/verify-email", include_in_schema=False)
async def verification_page() -> Response:
    """The page with the button."""
    nonce = secrets.token_urlsafe(16)
    headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return Response(_PAGE.format(nonce=nonce), media_type="text/html", headers=headers)
