"""The router of this feature, on which each of its modules puts its operations."""

from typing import Annotated

from api.deps import Requires
from api.routing import feature
from models.tables.auth import Caller

router = feature("transactions")

Reader = Annotated[Caller, Requires("transactions:read")]
Maker = Annotated[Caller, Requires("transactions:create")]
