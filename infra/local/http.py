"""Questions over loopback HTTP, which never go through a proxy."""

import httpx


def client(base_url: str) -> httpx.Client:
    """An HTTP client for a part of the stack."""
    # The environment may name a proxy, which cannot know this machine's loopback.
    return httpx.Client(base_url=base_url, timeout=5.0, trust_env=False)


def answers_ok(url: str) -> bool:
    """Whether GET `url` answers 200."""
    try:
        with client("") as http:
            return http.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
