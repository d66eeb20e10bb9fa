"""The description of the API: the OpenAPI document with examples and errors, and a page that shows it.

The page is made here and needs no script and no other host, so it works offline and under a strict policy.
"""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.answers import written_json
from api.errors import Problem
from api.realtime import description
from api.routing import PREFIX

router = APIRouter()

DESCRIPTION: Final = (
    "Aurum, a bank back office. Sign in at `POST /api/v1/auth/login` and send the access token as `Authorization: "
    "Bearer …`. Amounts are JSON numbers with the currency's decimals; inputs also take decimal strings. Errors are "
    "`application/problem+json` (RFC 9457) with a stable `code`. A POST that moves money or starts a process takes an "
    "`Idempotency-Key`. What happens as it happens is told over sockets: Socket.IO at `/socket.io`."
)
_EXAMPLES: Final = {
    "uuid": "019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8",
    "date-time": "2026-11-20T09:30:00Z",
    "date": "2026-11-20",
}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "summary{cursor:pointer;padding:.3rem 0}code,pre{font-family:ui-monospace,monospace;font-size:.9em}"
    "pre{overflow:auto;padding:.8rem;border:1px solid #8886;border-radius:.4rem}"
    "b{display:inline-block;min-width:4.5rem}table{border-collapse:collapse}td{padding:.15rem 1rem .15rem 0}"
)


def describe(app: FastAPI) -> None:
    """Makes `app` describe itself with our errors and with examples."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(
                get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign] # FastAPI's own way to replace the document


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    # FastAPI's own shape of a validation error, which we never answer with.
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for _, _, operation in _operations(document):
        for status, answer in operation["responses"].items():
            for content in answer.get("content", {}).values():
                if "schema" in content and "example" not in content:
                    content["example"] = example(content["schema"], schemas)
                    if content["schema"] == {"$ref": "#/components/schemas/Problem"}:
                        content["example"]["status"] = int(status)
    document["x-socket-io"] = description.document()
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def example(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value of `schema`: the example that it gives, or one made of the examples of its parts."""
    match schema:
        case {"$ref": str(reference)}:
            return example(schemas[reference.rsplit("/", 1)[1]], schemas)
        case (
            {"examples": [first, *_]}
            | {"example": first}
            | {"const": first}
            | {"enum": [first, *_]}
            | {"default": first}
        ):
            return first
        case {"anyOf": [*options]}:
            return example(next((one for one in options if one.get("type") != "null"), {}), schemas)
        case {"properties": properties}:
            return {name: example(part, schemas) for name, part in properties.items()}
        case {"type": "array", "items": items}:
            return [example(items, schemas)]
        case {"type": "string"}:
            return _EXAMPLES.get(schema.get("format", ""), "text")
        case {"type": "integer"}:
            return schema.get("minimum", 1)
        case {"type": "number"}:
            return 1000.00
        case {"type": "boolean"}:
            return True
    return {}


@router.get(PREFIX, include_in_schema=False)
async def page(request: Request) -> Response:
    """The page of the API."""
    document = request.app.openapi()
    parts = "".join(_shown(method, path, operation, document) for method, path, operation in _operations(document))
    title, schemas = f"{escape(document['info']['title'])} API", document["components"]["schemas"]
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f"<h1>{title}</h1><p>{escape(DESCRIPTION)}</p>"
        f'<p><a href="{PREFIX}/openapi.json">OpenAPI document</a></p><main>{parts}{_sockets(schemas)}</main>'
        "</body></html>"
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
    return Response(html, media_type="text/html", headers={"Content-Security-Policy": policy})


def _shown(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    schemas = document["components"]["schemas"]
    asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    given = [
        (one["name"], one["in"], one.get("description") or one["schema"].get("description", ""))
        for one in operation.get("parameters", ())
    ]
    answers = [(status, answer["description"]) for status, answer in operation["responses"].items()]
    good: dict[str, Any] = next(
        (answer for status, answer in operation["responses"].items() if status.startswith("2")), {}
    )
    shown = next((content["example"] for content in good.get("content", {}).values() if "example" in content), None)
    summary = escape(operation.get("summary", ""))
    return (
        f"<details><summary><b>{method}</b> <code>{escape(path)}</code> {summary}</summary>"
        f"<p>{escape(operation.get('description', ''))}</p>{_table(given)}"
        f"{'' if asked is None else f'<h4>Request</h4>{_json(example(asked, schemas))}'}"
        f"{'' if shown is None else f'<h4>Answer</h4>{_json(shown)}'}{_table(answers)}</details>"
    )


def _sockets(schemas: dict[str, Any]) -> str:
    def shown(direction: str, event: description.Event) -> str:
        parts = (("Message", event.sent), ("Answer", event.answer))
        examples = (f"<h4>{name}</h4>{_json(_shown_of(model, schemas))}" for name, model in parts if model is not None)
        summary = f"<b>{direction}</b> <code>{escape(event.name)}</code> {escape(event.summary)}"
        return f"<details><summary>{summary}</summary>{''.join(examples)}</details>"

    taken = "".join(shown("send", event) for event in description.TAKEN)
    told = "".join(shown("hear", event) for event in description.TOLD)
    return f"<h2>{description.TITLE}</h2><p>{escape(description.WORDS)}</p>{taken}{told}"


def _shown_of(model: type[BaseModel], schemas: dict[str, Any]) -> Any:
    schema = description.schema_of(model)
    return example(schema, {**schemas, **schema.get("$defs", {})})


def _table(rows: list[Any]) -> str:
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _json(value: Any) -> str:
    return f"<pre>{escape(written_json(value, indented=True).decode())}</pre>"
