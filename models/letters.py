"""What people are written about their own sign-in. A letter never holds a secret itself, only the place for one."""

from typing import Final

from models.auth import RESET_LIFETIME, Letter
from models.challenges import FRESH
from models.notifications import HIDDEN

_IF_NOT_YOU: Final = (
    'If it was not you, set a new password with "forgot password", end all sessions, and get in touch with us.\n'
)


def password_reset(link: str) -> Letter:
    """Lets somebody who reads the address of an account set a new password. `link` ends where the secret begins."""
    minutes = int(RESET_LIFETIME.total_seconds() // 60)
    return Letter(
        subject="Set a new password",
        body=(
            "Somebody, probably you, has asked for a new password of your account at Aurum.\n\n"
            f"Set it here, within {minutes} minutes:\n\n{link}{HIDDEN}\n\n"
            f"Or enter this code where you are asked for it:\n\n{HIDDEN}\n\n"
            "If you did not ask, you need not do anything: your password stays as it is.\n"
        ),
    )


def password_changed() -> Letter:
    """Tells that the password is another one."""
    return Letter(
        subject="Your password was changed",
        body=(
            "The password of your account at Aurum was changed just now, and your other sessions have ended.\n\n"
            + _IF_NOT_YOU
        ),
    )


def factor_enabled() -> Letter:
    """Tells that a second factor is asked for."""
    return Letter(
        subject="Two-factor sign-in is on",
        body=(
            "From now on signing in to your account at Aurum asks for a code of your authenticator app. Keep the "
            "recovery codes where you find them without your phone.\n\nSessions that were signed in before go on; you "
            "can end them in the list of your devices.\n\n" + _IF_NOT_YOU
        ),
    )


def factor_disabled() -> Letter:
    """Tells that no second factor is asked for any more."""
    return Letter(
        subject="Two-factor sign-in is off",
        body="Your account at Aurum is protected by its password alone from now on.\n\n" + _IF_NOT_YOU,
    )


def recovery_code_used(left: int) -> Letter:
    """Tells that a recovery code stood for the app, and how many are left."""
    return Letter(
        subject="A recovery code was used",
        body=(
            f"A recovery code of your account at Aurum was used just now. {left} are left; each works once. To get new "
            "ones, turn two-factor sign-in off and on again.\n\n" + _IF_NOT_YOU
        ),
    )


def new_device(user_agent: str | None, address: str | None) -> Letter:
    """Tells of a sign-in from where there was none before."""
    return Letter(
        subject="A new device signed in",
        body=(
            "Your account at Aurum was signed in to from a device or a network that we have not seen you use:\n\n"
            f"  {user_agent or 'unknown program'}\n  {address or 'unknown address'}\n\n" + _IF_NOT_YOU
        ),
    )


def session_stolen() -> Letter:
    """Tells that a session ended because its token was used twice."""
    return Letter(
        subject="We have ended one of your sessions",
        body=(
            "A token of one of your sessions at Aurum was used a second time, which happens when somebody has copied "
            "it. We have ended that session on every device; sign in again to go on.\n\n" + _IF_NOT_YOU
        ),
    )


def guessed_at() -> Letter:
    """Tells that somebody tries passwords."""
    return Letter(
        subject="Somebody is trying passwords",
        body=(
            "Several wrong passwords in a row were tried on your account at Aurum. Nobody got in, and each further try "
            "has to wait longer. Where you have signed in before, you sign in as usual.\n\n"
            'If it was you and you do not remember your password, set a new one with "forgot password".\n'
        ),
    )


def external_identity_linked() -> Letter:
    """Tells that an external identity opens the account from now on."""
    return Letter(
        subject="Another way to sign in was added",
        body="An identity of the sign-in service that we work with can sign in to your account from now on.\n\n"
        + _IF_NOT_YOU,
    )


def external_identity_unlinked() -> Letter:
    """Tells that no external identity opens the account any more."""
    return Letter(
        subject="A way to sign in was removed",
        body="Your account at Aurum is signed in to by its own password alone from now on.\n\n" + _IF_NOT_YOU,
    )


def confirm_new_email(link: str) -> Letter:
    """Asks whoever reads the new address to confirm it. `link` ends where the secret begins."""
    return Letter(
        subject="Confirm your new e-mail address",
        body=(
            "Somebody, probably you, wants to use this address for their account at Aurum.\n\n"
            f"Confirm it here, within 24 hours:\n\n{link}{HIDDEN}\n\n"
            f"Or enter this code where you are asked for it:\n\n{HIDDEN}\n\n"
            "If it was not you, you need not do anything.\n"
        ),
    )


def email_change_asked() -> Letter:
    """Tells the address that counts that another one is to."""
    return Letter(
        subject="Your e-mail address is about to change",
        body=(
            "Your account at Aurum is to have another e-mail address, once that one is confirmed. Until then nothing "
            f"changes. It was asked in a session that had proved itself within {int(FRESH.total_seconds() // 60)} "
            "minutes.\n\n" + _IF_NOT_YOU
        ),
    )


def email_changed() -> Letter:
    """Tells the address that no longer counts."""
    return Letter(
        subject="Your e-mail address was changed",
        body=(
            "Your account at Aurum has another e-mail address from now on; this one gets no more mail from us.\n\n"
            "If it was not you, get in touch with us at once.\n"
        ),
    )


def frozen_by_bank() -> Letter:
    """Tells that the bank has frozen somebody. Why is not told: it may be part of an inquiry."""
    return Letter(
        subject="Your access is restricted",
        body="No money leaves your accounts at Aurum for the time being. Please get in touch with us.\n",
    )


def unfrozen_by_bank() -> Letter:
    """Tells that a freeze is over."""
    return Letter(
        subject="Your access is open again", body="The restriction of your accounts at Aurum has been lifted.\n"
    )


def factors_reset() -> Letter:
    """Tells that the bank has taken a second factor away."""
    return Letter(
        subject="Two-factor sign-in was reset by the bank",
        body=(
            "Because you, or somebody in your name, told us that your authenticator app is lost, signing in to your "
            "account at Aurum asks for your password alone from now on. All sessions have ended. Turn two-factor "
            "sign-in on again as soon as you can.\n\nIf you did not ask for this, get in touch with us at once.\n"
        ),
    )


def signed_out_by_bank() -> Letter:
    """Tells that the bank has ended somebody's sessions."""
    return Letter(
        subject="You were signed out by the bank",
        body="All your sessions at Aurum were ended by our staff. You can sign in again.\n\n" + _IF_NOT_YOU,
    )
