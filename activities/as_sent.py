"""What is screened of an order: as it was written, and as the bank will read it."""

from collections.abc import Sequence
from dataclasses import replace

from infra.providers.bank.charset import in_x_set
from models.screening import Subject, SubjectKind


def as_written_and_sent(subjects: Sequence[Subject]) -> list[Subject]:
    """`subjects`, and what becomes of them on the way: Cyrillic, look-alike letters and invisible marks leave as plain
    Latin."""
    sent = (
        (subject, in_x_set(subject.text, len(subject.text) * 4))
        for subject in subjects
        if subject.kind in {SubjectKind.NAME, SubjectKind.TEXT}
    )
    return [*subjects, *(replace(subject, text=read) for subject, read in sent if read not in {"", subject.text})]
