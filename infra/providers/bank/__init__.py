"""The channel to the bank, and the messages that go through it."""

from infra.providers.bank.answers import read_answers
from infra.providers.bank.camt029 import build_camt029
from infra.providers.bank.camt056 import build_camt056
from infra.providers.bank.channel import BankChannel, FolderChannel
from infra.providers.bank.nacha import build_nacha
from infra.providers.bank.pacs008 import build_pacs008
from infra.providers.bank.pacs028 import build_pacs028
from infra.providers.bank.pain001 import build_pain001
from models.bank import UnreadableMessage, UnwritableMessage

__all__ = [
    "BankChannel",
    "FolderChannel",
    "UnreadableMessage",
    "UnwritableMessage",
    "build_camt029",
    "build_camt056",
    "build_nacha",
    "build_pacs008",
    "build_pacs028",
    "build_pain001",
    "read_answers",
]
