"""The header that a message between banks travels with: head.001.001.02 beside its document (CBPR+).

The envelope is `RequestPayload`, the header and the document side by side as SWIFT's own samples have them; the gateway
in front of SWIFT replaces it by its transport header.
"""

from datetime import datetime
from typing import Final

from lxml import etree

from infra.providers.bank import elements
from infra.providers.bank.elements import child
from infra.providers.bank.validate import HEADER

# The usage guideline a message claims to follow; this is the one of Standards Release 2026.
BUSINESS_SERVICE: Final = "swift.cbprplus.04"


def enveloped(
    document: etree._Element, message_type: str, *, message_id: str, sender: str, receiver: str, created_at: datetime
) -> etree._Element:
    """`document` in an envelope with its header. `sender` and `receiver` are BICs."""
    envelope = etree.Element("RequestPayload")
    header = elements.root(HEADER, "AppHdr")
    envelope.append(header)
    for name, bic in (("Fr", sender), ("To", receiver)):
        elements.agent_by_bic(child(header, name), "FIId", bic)
    child(header, "BizMsgIdr", message_id)
    child(header, "MsgDefIdr", message_type)
    child(header, "BizSvc", BUSINESS_SERVICE)
    child(header, "CreDt", elements.moment(created_at))
    envelope.append(document)
    return envelope
