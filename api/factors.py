"""Second factors: setting one up, turning it on and off, and answering a challenge with it (contract §3)."""

from typing import Annotated, Self

import segno
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.deps import Bearer, Configuration, Db, signed_in_person
from api.errors import documented, refusal
from api.routing import feature
from api.second_factor import sealing, seed_context, try_code, try_recovery_code
from api.sessions import SignedIn, Success, new_tokens, notify, sign_in_as, signed_in, start_session
from api.step_up import WRONG_ONE, FreshAuthentication, GivenPassword, own_password
from models.challenges import ANSWERS, Challenge, Purpose, password_mark, read_challenge
from models.errors import AurumError, BadCredentials, BadToken, NotFound, WrongState
from models.factors import new_recovery_codes, new_seed, otpauth_uri, recovery_hash
from models.letters import factor_disabled, factor_enabled
from models.tables.auth import add_proof, renew_session
from models.tables.factors import (
    begin_answer,
    enable_factor,
    has_factor,
    lock_factor,
    prepare_factor,
    remove_factor,
    replace_recovery_codes,
    spend_challenge,
)
from models.tables.users import User, lock_signing_in, lock_user, user

router: APIRouter = feature("users")

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20)]
RecoveryCode = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class Enrolment(BaseModel):
    """What an authenticator app needs: the QR code, the address that is in it, or the secret typed by hand."""

    secret: str = Field(examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"])
    otpauth_uri: str = Field(examples=["otpauth://totp/Aurum:mira%40aurum.example?secret=JBSW…&issuer=Aurum"])
    qr_svg: str = Field(examples=["<svg …></svg>"])


class GivenCode(BaseModel):
    """The code that the app shows now."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "123456"}]})

    code: Code


class RecoveryCodes(BaseModel):
    """What opens the account without the app, each once. They are told this one time."""

    recovery_codes: list[str] = Field(examples=[["mfrg-gzdf-mztw-q2lk-nnwg-23tp"]])


class Disabling(BaseModel):
    """The password, and a code of the app; a recovery code for whoever has lost the app."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"password": "harbour lantern quiet", "code": "123456"}]}
    )

    password: GivenPassword
    code: Code | None = None
    recovery_code: RecoveryCode | None = None

    @model_validator(mode="after")
    def _one_code(self) -> Self:
        _check_one(self.code, self.recovery_code)
        return self


class Disabled(BaseModel):
    """That signing in asks for the password alone from now on."""

    two_factor_enabled: bool = False


class ChallengeAnswer(BaseModel):
    """A challenge and one proof. The password renews a session of somebody without a second factor."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"challenge": "q1w2E3r4", "code": "123456"}]}
    )

    challenge: Annotated[str, StringConstraints(min_length=1, max_length=1000)]
    code: Code | None = None
    recovery_code: RecoveryCode | None = None
    password: GivenPassword | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        _check_one(self.code, self.recovery_code, self.password)
        return self


def _check_one(*given: str | None) -> None:
    if sum(one is not None for one in given) != 1:
        raise ValueError("Give exactly one proof")


@router.post("/2fa/setup", summary="Begin with an authenticator app", responses=documented(401, 403, 409))
async def set_up(caller: FreshAuthentication, db: Db, request: Request) -> Enrolment:
    """Makes a new secret for an authenticator app. It counts once `/users/2fa/enable` was given a code of it."""
    audit.note(request, "second_factor", caller.id)
    seed = new_seed()
    if not await prepare_factor(db, caller.id, sealing(request).seal(seed.encode(), seed_context(caller.id))):
        raise WrongState("A second factor is on; turn it off before you set another one up")
    uri = otpauth_uri(seed, caller.email)
    picture = segno.make(uri, error="m", micro=False).svg_inline(scale=4, border=4)
    return Enrolment(secret=seed, otpauth_uri=uri, qr_svg=picture)


@router.post(
    "/2fa/enable",
    summary="Turn two-factor sign-in on",
    response_model=RecoveryCodes,
    responses=documented(401, 403, 404, 409),
)
async def enable(given: GivenCode, caller: FreshAuthentication, db: Db, request: Request) -> Response | RecoveryCodes:
    """Takes the first code of the app. From then on signing in asks for one. The recovery codes are told this once."""
    audit.note(request, "second_factor", caller.id)
    factor = await lock_factor(db, caller.id)
    if factor is None:
        raise NotFound("There is no second factor to turn on; set one up first")
    if factor.enabled_at is not None:
        raise WrongState("A second factor is on already")
    person = await user(db, caller.id)
    wrong = await try_code(request, db, person, given.code)
    if wrong is not None:
        return refusal(request, wrong)
    codes = new_recovery_codes()
    await enable_factor(db, caller.id)
    await replace_recovery_codes(db, caller.id, [recovery_hash(code) for code in codes])
    # This session has shown the factor as well as the password.
    await add_proof(db, caller.session_id, "otp")
    await notify(request, db, person, "two_factor_enabled", factor_enabled())
    audit.note(request, "second_factor", caller.id, new={"two_factor_enabled": True})
    return RecoveryCodes(recovery_codes=list(codes))


@router.post(
    "/2fa/disable",
    summary="Turn two-factor sign-in off",
    response_model=Disabled,
    responses=documented(401, 404),
)
async def disable(given: Disabling, bearer: Bearer, db: Db, request: Request) -> Response | Disabled:
    """Takes the password and a code, so it asks for no step-up before. The recovery codes are worth nothing then."""
    known = await own_password(request, bearer, given.password)
    caller = await signed_in_person(request, bearer, db)
    audit.note(request, "second_factor", caller.id)
    person = await lock_user(db, caller.id)
    if person.password_hash != known.password_hash:
        raise BadCredentials(WRONG_ONE)
    if not await has_factor(db, caller.id):
        raise NotFound("No second factor is on")
    wrong = await _try_either(request, db, person, given.code, given.recovery_code)
    if wrong is not None:
        return refusal(request, wrong)
    await remove_factor(db, caller.id)
    await notify(request, db, person, "two_factor_disabled", factor_disabled())
    audit.note(request, "second_factor", caller.id, new={"two_factor_enabled": False})
    return Disabled()


@router.post(
    "/2fa/verify",
    summary="Answer a challenge",
    response_model=Success[SignedIn],
    responses=documented(401),
)
async def verify(
    given: ChallengeAnswer, bearer: Bearer, config: Configuration, db: Db, request: Request
) -> Response | Success[SignedIn]:
    """Finishes a login, or renews the session that asked for a step-up, which then has to send its access token too.

    A challenge is good for five minutes, one right answer or five wrong ones. Its answer brings new tokens; a renewed
    session's earlier refresh token is used up.
    """
    challenge = read_challenge(given.challenge, config.token_secret.get_secret_value())
    audit.note(request, "user", challenge.user_id, new={"purpose": challenge.purpose.value})
    stepping_up = challenge.purpose is Purpose.STEP_UP
    if given.password is not None and stepping_up:
        await own_password(request, bearer, given.password)
    if stepping_up and (await signed_in_person(request, bearer, db)).session_id != challenge.session_id:
        raise BadToken("The challenge was given to another session")
    await sign_in_as(request, db, challenge.user_id)
    person = await lock_signing_in(db, challenge.user_id)
    answer = await begin_answer(db, challenge)
    if answer is None or answer > ANSWERS or challenge.password_mark != password_mark(person.password_hash):
        return refusal(request, BadToken("The challenge was used, or is worth nothing any more; begin again"))
    amr, wrong = await _proved(request, db, person, challenge, given)
    if wrong is not None:
        return refusal(request, wrong)
    await spend_challenge(db, challenge)
    if challenge.session_id is None:
        return signed_in(person, await start_session(request, db, person, amr=amr))
    session = await renew_session(db, challenge.session_id, person.id, amr)
    return signed_in(person, await new_tokens(request, db, person, session))


async def _proved(
    request: Request, db: AsyncSession, person: User, challenge: Challenge, given: ChallengeAnswer
) -> tuple[tuple[str, ...], AurumError | None]:
    """By what the person has now proved who they are (RFC 8176), or why not."""
    second = await has_factor(db, person.id)
    if given.password is not None:
        if second or challenge.purpose is Purpose.LOGIN:
            return (), BadToken("This challenge takes a code of the second factor")
        return ("pwd",), None
    if not second:
        return (), BadToken("No second factor is on; answer with the password")
    wrong = await _try_either(request, db, person, given.code, given.recovery_code)
    return ("pwd", "otp" if given.code else "recovery"), wrong


async def _try_either(
    request: Request, db: AsyncSession, person: User, code: str | None, recovery_code: str | None
) -> AurumError | None:
    if code is not None:
        return await try_code(request, db, person, code)
    return await try_recovery_code(request, db, person, recovery_code or "")
