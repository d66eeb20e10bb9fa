"""What scheduled upkeep is given, and what it says it did."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class UpkeepStep(BaseModel):
    """`at` is the process's time: what is old is judged by it."""

    model_config = ConfigDict(frozen=True)

    at: datetime


class RunStep(UpkeepStep):
    """`run` names the step, so that one which is run again keeps no second result."""

    run: str


class Removed(BaseModel):
    """How many rows a clean-up took out, by what they were."""

    model_config = ConfigDict(frozen=True)

    sessions: int = 0
    tokens: int = 0
    failures: int = 0


class DataRemoved(BaseModel):
    """How many rows the clean-up of data took out, by what they were."""

    model_config = ConfigDict(frozen=True)

    limit_uses: int = 0
    answers: int = 0
    proofs: int = 0
    market_answers: int = 0
    events: int = 0


class RolledUp(BaseModel):
    """How many lines went into checkpoints of the ledger (or postings into the flows), and whether more wait."""

    model_config = ConfigDict(frozen=True)

    lines: int = 0
    more: bool = False


class InterestBooked(BaseModel):
    """Of how many properties interest was booked, of how many it could not be, whether more wait, and the currencies of
    those that have no rate."""

    model_config = ConfigDict(frozen=True)

    properties: int = 0
    failed: int = 0
    more: bool = False
    without_rate: tuple[str, ...] = ()


class DocumentsDestroyed(BaseModel):
    """How many contents of documents were destroyed because their retention is over."""

    model_config = ConfigDict(frozen=True)

    destroyed: int = 0


class DocumentsSwept(BaseModel):
    """How many objects were taken out that no document has, and how many documents have lost theirs."""

    model_config = ConfigDict(frozen=True)

    removed: int = 0
    missing: int = 0


class DocumentsKept(DocumentsDestroyed, DocumentsSwept):
    """Both, of one run."""
