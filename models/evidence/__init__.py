"""The evidence pack of a wire: what the bank knows about it, in one document that can be checked without the bank.

An auditor keeps the heads of the audit chain (`infra.audit_anchors`), of which the last of each hour stays for good. A
pack brings the lines of the audit log about its wire, their seals, and the seals from there to the next such head:
enough to work that head out again (reference/banking.md §5.9). `examined` does so, and checks that the parts of the
pack agree with each other. What it cannot know is whether a part was left out that no other part speaks of; the log's
line of the pack itself holds its SHA-256, so one that was altered afterwards is not the one that was handed out.
"""

from models.evidence.checks import Finding, Outcome, examined, verdict
from models.evidence.pack import FORMAT, AuditProof, EvidencePack, LogLine, Seal, Stretch

__all__ = [
    "FORMAT",
    "AuditProof",
    "EvidencePack",
    "Finding",
    "LogLine",
    "Outcome",
    "Seal",
    "Stretch",
    "examined",
    "verdict",
]
