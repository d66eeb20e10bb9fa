"""Access tokens: signing, reading, and the public key set (RFC 7519, RFC 8037, RFC 7638).

Keys are rotated without anybody noticing, in three deployments:
1. the new key joins `AURUM_VERIFICATION_KEY_FILES`: every process reads and publishes it, nobody signs with it;
2. it becomes `AURUM_SIGNING_KEY_FILE`, and the old one takes its place among the verification keys;
3. once the last token of the old one has expired (15 minutes), the old one goes. A leaked key goes at once.
"""

import time
from pathlib import Path
from typing import Any, Final

import structlog
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey
from joserfc.jws import JWSRegistry
from pydantic import ValidationError

from infra.settings import Settings
from models.auth import Claims
from models.errors import BadToken

log = structlog.get_logger(__name__)

# RFC 9864 renamed it "Ed25519"; most verifiers know the name of RFC 8037, which the contract also uses.
ALGORITHM: Final = "EdDSA"
AUDIENCE: Final = "aurum-api"
_LONGEST_TOKEN: Final = 4096
_REMEMBERED: Final = 4096


class _OnlyEdDsa(JWSRegistry):
    """Knows one algorithm, so that a token cannot choose another one."""

    def get_alg(self, name: str) -> Any:
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(f"Algorithm of '{name}' is not allowed")
        return self.algorithms[name]


class Tokens:
    """Signs access tokens with one Ed25519 key, and reads those of every key it knows; a key's id is its thumbprint."""

    def __init__(self, settings: Settings) -> None:
        """Reads the signing key, or makes one for this process where none is set (development)."""
        if settings.signing_key_file is None:
            log.warning(
                "tokens.key_made_in_memory", detail="AURUM_SIGNING_KEY_FILE is unset: tokens end with this process"
            )
            self._key = OKPKey.generate_key("Ed25519")
        else:
            self._key = OKPKey.import_key(settings.signing_key_file.read_bytes())
        if self._key.curve_name != "Ed25519" or not self._key.is_private:
            raise ValueError("AURUM_SIGNING_KEY_FILE has to hold an Ed25519 private key")
        self._kid = self._key.thumbprint()
        others = [_verification_key(path) for path in settings.verification_key_files]
        self._keys = {key.thumbprint(): key for key in (self._key, *others)}
        self._issuer = settings.token_issuer
        self._registry = _OnlyEdDsa(algorithms=[ALGORITHM])
        self._verified: dict[str, Claims] = {}

    def sign(self, claims: Claims) -> str:
        """`claims` as a signed token."""
        payload = claims.model_dump(mode="json", exclude_none=True)
        payload["permissions"] = sorted(claims.permissions)
        payload |= {"iss": self._issuer, "aud": AUDIENCE}
        return jwt.encode(
            {"alg": ALGORITHM, "typ": "at+jwt", "kid": self._kid}, payload, self._key, registry=self._registry
        )

    def read(self, token: str) -> Claims:
        """The claims of a token that we signed and that has not expired. Raises `BadToken`.

        Whether its session still lives is the database's to say. The signature of a token is checked once and then
        remembered, its expiry each time.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            if len(self._verified) >= _REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[token] = claims
        if claims.exp <= time.time():
            self._verified.pop(token, None)
            raise BadToken("The token has expired")
        return claims

    def jwks(self) -> dict[str, Any]:
        """The public key set (RFC 7517)."""
        return {
            "keys": [
                {**key.as_dict(private=False), "kid": kid, "use": "sig", "alg": ALGORITHM}
                for kid, key in self._keys.items()
            ]
        }

    def _verify(self, token: str) -> Claims:
        if len(token) > _LONGEST_TOKEN:
            raise BadToken("The token is not one of ours")
        try:
            decoded = jwt.decode(token, lambda sent: self._keys[sent.headers()["kid"]], registry=self._registry)
            payload = decoded.claims
            if decoded.header.get("typ") != "at+jwt":
                raise BadToken("The token is not one of ours")
            if (payload.get("iss"), payload.get("aud")) != (self._issuer, AUDIENCE):
                raise BadToken("The token is not one of ours")
            return Claims.model_validate(payload)
        except (JoseError, ValidationError, ValueError, TypeError, KeyError):
            raise BadToken("The token is not one of ours") from None


def _verification_key(path: Path) -> OKPKey:
    key = OKPKey.import_key(path.read_bytes())
    if key.curve_name != "Ed25519":
        raise ValueError(f"{path} of AURUM_VERIFICATION_KEY_FILES does not hold an Ed25519 key")
    return key
