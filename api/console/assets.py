"""Style and script of the console. They change with the program alone, so a browser keeps them for a while."""

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles


class Assets(StaticFiles):
    """Files of one folder."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, to be asked for again after ten minutes."""
        answer = super().file_response(*args, **kwargs)
        answer.headers["Cache-Control"] = "public, max-age=600"
        return answer
