"""E-mail: a folder of readable messages in the embedded stack, SendGrid in production."""

from infra.providers.email.folder import FolderEmail
from infra.providers.email.message import Email, EmailProvider, MailOutcomeUnknown, MailRefused
from infra.providers.email.sendgrid import SendGridEmail

__all__ = ["Email", "EmailProvider", "FolderEmail", "MailOutcomeUnknown", "MailRefused", "SendGridEmail"]
