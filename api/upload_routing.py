"""Routes that take a file: a `Route` whose body is a form with a file in it, read before the transaction is opened.

    router = feature("kyc", route=file_route(most_bytes=MOST_BYTES))

    @router.post("/upload", status_code=201, openapi_extra=file_body(Fields))
    async def upload(form: Sent, caller: CurrentUser, db: Db, key: IdempotencyKey, request: Request) -> View: ...

1. Who it is is asked first, in a short transaction of its own: a stranger's bytes are not read.
2. The form is read, bounded in size, time and number (`api.uploads`), without a connection to the database.
3. Then it is an operation like any other: one transaction, an idempotency key, an audit line. What a handler writes
   outside the database it takes back where the transaction fails (`Work.on_failure`).
"""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from api import audit
from api.deps import early_caller
from api.multipart import FileForm, file_form
from api.parts import parts_of
from api.routing import JsonRequest, Route, in_one_transaction
from models.auth import Role
from models.errors import PermissionMissing
from models.kyc.documents import MOST_BYTES

FILE: Final = "file"


class FileRequest(JsonRequest):
    """A request whose form was read. To an idempotency key its body is what the form means."""

    form_read: FileForm

    async def body(self) -> bytes:
        """Something: the form."""
        return self.form_read.sha256.encode()

    async def json(self) -> Any:
        """What the form means."""
        return self.form_read.meaning


class FileRoute(Route):
    """An operation that takes a customer's file."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, behind the reading of the form and inside a transaction."""
        carry_out = APIRoute.get_route_handler(self)
        action = self.action

        async def handle(received: Request) -> Response:
            request = FileRequest(received.scope, received.receive)
            audit.attempt_of(request).action = action
            caller = await early_caller(request)
            if caller.role != Role.CUSTOMER:
                raise PermissionMissing("This is for customers")
            uploads = parts_of(request.scope).uploads
            async with (
                uploads.admitted(caller.id),
                file_form(request, name=FILE, most_bytes=MOST_BYTES) as form,
                uploads.at_work(),
            ):
                request.form_read = form
                return await in_one_transaction(request, carry_out)

        return handle


async def _sent(request: Request) -> FileForm:
    assert isinstance(request, FileRequest)
    return request.form_read


Sent = Annotated[FileForm, Depends(_sent)]


def file_body(fields: type[BaseModel]) -> dict[str, Any]:
    """The description of such a form for the OpenAPI document: `fields`, and the file."""
    schema = fields.model_json_schema()
    definitions = schema.pop("$defs", {})

    def placed(part: Any) -> Any:
        match part:
            case {"$ref": str(reference)}:
                return {
                    key: value for key, value in definitions[reference.rpartition("/")[2]].items() if key != "title"
                }
            case dict():
                return {key: placed(value) for key, value in part.items()}
            case list():
                return [placed(one) for one in part]
        return part

    described = placed(schema)
    described["properties"][FILE] = {"type": "string", "format": "binary", "description": "PDF, PNG or JPEG, 10 MB."}
    described["required"] = [*described.get("required", ()), FILE]
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": described}}}}
