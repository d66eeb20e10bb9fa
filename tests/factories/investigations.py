"""What a bank answers to a recall. mock-bank knows no camt.056, so these are written here, from strings, and held to
the published schemas by a test."""

from pathlib import Path
from uuid import uuid4

from lxml import etree

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd"


def request_in(outbox: Path) -> etree._Element:
    """The one camt.056 that waits for the bank. Fails when there is none, or more than one."""
    found = [
        document
        for file in outbox.glob("*.xml")
        if b"camt.056" in file.read_bytes()
        for document in [etree.parse(str(file)).getroot()]
    ]
    assert len(found) == 1, f"{len(found)} requests are in the folder"
    return found[0]


def resolution(request: etree._Element, outcome: str, *, reason: str | None = None, text: str = "") -> bytes:
    """A camt.029.001.09 that answers `request`: `RJCR`, `CNCL` or `PDCR`."""
    case, uetr = request.findtext(".//{*}Case/{*}Id"), request.findtext(".//{*}OrgnlUETR")
    said = f"<AddtlInf>{text}</AddtlInf>" if text else ""
    why = f"<CxlStsRsnInf><Rsn><Cd>{reason}</Cd></Rsn>{said}</CxlStsRsnInf>" if reason else ""
    status = {"CNCL": "ACCR"}.get(outcome, outcome)
    banks = "".join(
        f"<{name}><Agt><FinInstnId><BICFI>{bic}</BICFI></FinInstnId></Agt></{name}>"
        for name, bic in (("Assgnr", "MOCKNL2A"), ("Assgne", "AURUNL2A"))
    )
    return (
        f'<Document xmlns="{_NAMESPACE}:camt.029.001.09"><RsltnOfInvstgtn><Assgnmt><Id>B{uuid4().hex}</Id>{banks}'
        f"<CreDtTm>2026-11-24T10:00:00Z</CreDtTm></Assgnmt><Sts><Conf>{outcome}</Conf></Sts><CxlDtls><TxInfAndSts>"
        f"<CxlStsId>S1</CxlStsId><RslvdCase><Id>{case}</Id><Cretr><Agt><FinInstnId><BICFI>AURUNL2A</BICFI></FinInstnId>"
        f"</Agt></Cretr></RslvdCase><OrgnlUETR>{uetr}</OrgnlUETR><TxCxlSts>{status}</TxCxlSts>{why}</TxInfAndSts>"
        "</CxlDtls></RsltnOfInvstgtn></Document>"
    ).encode()


def money_back(request: etree._Element, amount: str, *, reason: str = "FOCR", reference: str = "RTR-1") -> bytes:
    """A pacs.004.001.09 that gives the recalled money back, less what the banks kept."""
    uetr, currency = request.findtext(".//{*}OrgnlUETR"), "USD"
    return (
        f'<Document xmlns="{_NAMESPACE}:pacs.004.001.09"><PmtRtr><GrpHdr><MsgId>B{uuid4().hex}</MsgId>'
        "<CreDtTm>2026-11-25T10:00:00Z</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>INDA</SttlmMtd></SttlmInf>"
        f"</GrpHdr><TxInf><RtrId>{reference}</RtrId><OrgnlUETR>{uetr}</OrgnlUETR>"
        f'<RtrdIntrBkSttlmAmt Ccy="{currency}">{amount}</RtrdIntrBkSttlmAmt><IntrBkSttlmDt>2026-11-25</IntrBkSttlmDt>'
        f"<RtrRsnInf><Rsn><Cd>{reason}</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr></Document>"
    ).encode()


def stopped(request: etree._Element) -> bytes:
    """A pacs.002.001.10: the payment was cancelled before it settled."""
    uetr = request.findtext(".//{*}OrgnlUETR")
    return (
        f'<Document xmlns="{_NAMESPACE}:pacs.002.001.10"><FIToFIPmtStsRpt><GrpHdr><MsgId>B{uuid4().hex}</MsgId>'
        f"<CreDtTm>2026-11-24T10:00:00Z</CreDtTm></GrpHdr><TxInfAndSts><OrgnlUETR>{uetr}</OrgnlUETR><TxSts>CANC</TxSts>"
        "<StsRsnInf><Rsn><Cd>DS02</Cd></Rsn></StsRsnInf></TxInfAndSts></FIToFIPmtStsRpt></Document>"
    ).encode()


def not_taken(request: etree._Element) -> bytes:
    """A pacs.002.001.10: the bank refuses our request itself, and says nothing of the payment that it names."""
    message_id, uetr = request.findtext(".//{*}Assgnmt/{*}Id"), request.findtext(".//{*}OrgnlUETR")
    return (
        f'<Document xmlns="{_NAMESPACE}:pacs.002.001.10"><FIToFIPmtStsRpt><GrpHdr><MsgId>B{uuid4().hex}</MsgId>'
        "<CreDtTm>2026-11-24T10:00:00Z</CreDtTm></GrpHdr><TxInfAndSts><OrgnlGrpInf>"
        f"<OrgnlMsgId>{message_id}</OrgnlMsgId><OrgnlMsgNmId>camt.056.001.08</OrgnlMsgNmId></OrgnlGrpInf>"
        f"<OrgnlUETR>{uetr}</OrgnlUETR><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>FF01</Cd></Rsn></StsRsnInf>"
        "</TxInfAndSts></FIToFIPmtStsRpt></Document>"
    ).encode()
