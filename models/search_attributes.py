"""The search attributes of every process, in one place: the workflows set them, the stack registers them.

They are stored as plain text by the Temporal server, so none of them carries personal data (design §4).
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
