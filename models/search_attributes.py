"""The search attributes of every process, in one place: the workflows set them, the stack registers them.

The Temporal server sorts and filters by them, so they are the one thing of a process beside ids and times that is not
sealed (`infra.payloads`), and none of them carries personal data (design §4): kinds, statuses, amounts and deadlines;
customers and officers by the ids of their rows, which tell nothing without our database.
"""

from typing import Final

CASE_TYPE: Final = "CaseType"
CASE_STATUS: Final = "CaseStatus"
CUSTOMER_REF: Final = "CustomerRef"
AMOUNT_MINOR: Final = "AmountMinor"
ASSIGNEE: Final = "Assignee"
SLA_DUE_AT: Final = "SlaDueAt"

# Name to Temporal's type name, as `temporal server start-dev --search-attribute` and the operator API take them.
SEARCH_ATTRIBUTES: Final[dict[str, str]] = {
    CASE_TYPE: "Keyword",
    CASE_STATUS: "Keyword",
    CUSTOMER_REF: "Keyword",
    AMOUNT_MINOR: "Int",
    ASSIGNEE: "Keyword",
    SLA_DUE_AT: "Datetime",
}
