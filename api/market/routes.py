"""What is told of securities and of the market, to everybody who is signed in; nothing of it belongs to anybody."""

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from api.amounts import Amount
from api.answers import answer
from api.deps import early_caller
from api.errors import documented
from api.market.pictures import picture
from api.parts import parts_of
from api.quotes import Quotes
from api.routing import feature
from models.market import Bar, Interval, Quote, Range, Security, Series
from models.market.series import interval_of
from models.market.sessions import SessionKind
from models.tables.auth import Caller

router = feature("market")

# Without a transaction that stays open: a source may take its time.
Reader = Annotated[Caller, Depends(early_caller)]
SymbolPath = Annotated[
    str,
    Path(
        min_length=1,
        max_length=16,
        description="As it is written on the exchange; small letters do.",
        examples=["XALDE"],
    ),
]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
_ERRORS = documented(401, 404)


class ChartFormat(StrEnum):
    """How a chart is told."""

    JSON = "json"
    SVG = "svg"


class SecurityView(BaseModel):
    """What is traded under a symbol. `simulated`: it is invented."""

    symbol: str = Field(examples=["XALDE"])
    name: str = Field(examples=["Aldervale Robotics"])
    asset_type: str = Field(examples=["stock"])
    exchange: str
    currency: str = Field(examples=["USD"])
    sector: str | None
    industry: str | None
    country: str | None
    description: str | None
    source: str = Field(examples=["simulated"])
    simulated: bool
    stale: bool = Field(description="The source did not answer: this is what it said before.")


class QuoteView(BaseModel):
    """A price, and how far it is to be believed: when it was true, who said so, whether it is late or invented."""

    symbol: str = Field(examples=["XALDE"])
    currency: str = Field(examples=["USD"])
    last: Amount = Field(examples=[92.59])
    bid: Amount | None = Field(examples=[92.58])
    ask: Amount | None = Field(examples=[92.61])
    open: Amount
    high: Amount
    low: Amount
    previous_close: Amount
    change: Amount = Field(examples=[-0.02])
    change_percent: Amount = Field(examples=[-0.0216])
    volume: int
    session_date: date
    as_of: datetime
    source: str = Field(examples=["simulated"])
    delayed: bool
    simulated: bool
    stale: bool = Field(description="The source did not answer: this is what it said before.")


class BarView(BaseModel):
    """What was traded from `at` until the next bar. `dividend` and `split` where the bar holds an ex-date."""

    at: datetime
    open: Amount
    high: Amount
    low: Amount
    close: Amount
    volume: int
    dividend: Amount | None
    split: Amount | None


class ChartView(BaseModel):
    """Bars, oldest first. `adjusted`: those before a split are in today's shares. `complete`: all of the range."""

    symbol: str = Field(examples=["XALDE"])
    currency: str = Field(examples=["USD"])
    range: Range
    interval: Interval
    data: list[BarView]
    adjusted: bool
    complete: bool
    source: str = Field(examples=["simulated"])
    simulated: bool
    stale: bool


class FoundView(BaseModel):
    """Securities that fit, the best first."""

    data: list[SecurityView]
    total: int = Field(examples=[1])
    page: int = Field(default=1, examples=[1])
    total_pages: int = Field(default=1, examples=[1])


class StatusView(BaseModel):
    """Where the market is. `early_close` is about the session that runs, or else about the next one."""

    is_open: bool
    session: SessionKind
    session_date: date
    next_open: datetime
    next_close: datetime
    early_close: bool
    as_of: datetime


def _quotes(request: Request) -> Quotes:
    return parts_of(request.scope).quotes


def _security(one: Security) -> SecurityView:
    return SecurityView.model_construct(**dict(one))


def quote_view(quote: Quote) -> QuoteView:
    """`quote` as an answer, its prices with all their decimals."""
    return QuoteView.model_construct(**{name: getattr(quote, name) for name in QuoteView.model_fields})


def _bar(bar: Bar) -> BarView:
    return BarView.model_construct(**dict(bar))


def _chart(series: Series) -> ChartView:
    told = {name: getattr(series, name) for name in ChartView.model_fields if name != "data"}
    return ChartView.model_construct(data=[_bar(bar) for bar in series.bars], **told)


@router.get("/status", summary="Whether the market is open", responses=documented(401))
async def read_status(_reader: Reader, request: Request) -> StatusView:
    """By the sessions of the New York Stock Exchange, early closes among them."""
    status = await _quotes(request).status()
    return StatusView(**status.model_dump(), as_of=datetime.now(UTC))


@router.get("/securities/search", summary="Find securities", responses=documented(401))
async def search_securities(
    q: Annotated[Words, Query(description="A symbol or a name, or how it begins.", examples=["alder"])],
    _reader: Reader,
    request: Request,
) -> FoundView:
    """At most twenty, the best first."""
    found = await _quotes(request).search(q)
    return FoundView(data=[_security(one) for one in found], total=len(found))


@router.get("/securities/{symbol}", summary="Read a security", responses=_ERRORS)
async def read_security(symbol: SymbolPath, _reader: Reader, request: Request) -> SecurityView:
    """What is traded under a symbol."""
    return _security(await _quotes(request).security(symbol.upper()))


@router.get("/securities/{symbol}/quote", summary="Read a price", responses=_ERRORS)
async def read_quote(symbol: SymbolPath, _reader: Reader, request: Request) -> QuoteView:
    """The present price; after the close that of the close."""
    return quote_view(await _quotes(request).quote(symbol.upper()))


@router.get(
    "/securities/{symbol}/chart",
    summary="Read a chart",
    response_model=ChartView,
    responses={
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}},
        **documented(400, 401, 404),
    },
)
async def read_chart(
    symbol: SymbolPath,
    _reader: Reader,
    request: Request,
    wanted: Annotated[Range, Query(alias="range")] = Range.MONTH,
    interval: Annotated[Interval | None, Query(description="How long a bar is; by the range, if not said.")] = None,
    format_: Annotated[ChartFormat, Query(alias="format")] = ChartFormat.JSON,
) -> Response:
    """Bars, or a picture of them that a screen reader can tell too."""
    quotes, chosen = _quotes(request), interval_of(wanted, interval)
    series = await quotes.series(symbol.upper(), wanted, chosen)
    if format_ is ChartFormat.JSON:
        return answer(_chart(series))
    security = await quotes.security(symbol.upper())
    return Response(picture(series, security.name), media_type="image/svg+xml")
