"""The workflow sandbox: on, with our own modules passed through once, and entered only to run workflow code."""

from typing import Any, Final

from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import Info

# Their loading into each sandbox is most of the cost of a workflow (reference/temporal.md §5).
PASSED_THROUGH: Final = (
    "models",
    "activities",
    "infra",
    "sqlalchemy",
    "sqlmodel",
    "psycopg",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "annotated_types",
    "rapidfuzz",
    "anyascii",
    "pycountry",
    "httpx",
    "lxml",
    "structlog",
    "uuid_utils",
    "orjson",
    "schwifty",
    "holidays",
    "opentelemetry",
)
_NO_STORE: Final = StorageDriverStoreContext(target=None)


class _Instance(WorkflowInstance):
    """An instance in the sandbox that is not asked for the context of each payload.

    The worker asks several times for each payload that a workflow reads or writes, and the sandbox is entered and left
    each time: a fifth of the processor that a worker took for a wire. The answer is for converters, codecs and stores
    that read it, and ours do not (`tests/workflows/test_sandbox.py`).
    """

    def __init__(self, inner: WorkflowInstance, *, versioned: bool) -> None:
        self._inner = inner
        self._versioned = versioned

    def activate(self, act: Any) -> Any:
        done = self._inner.activate(act)
        # The server refuses to hear from a worker of no deployment what becomes of its processes at the next build.
        if not self._versioned and done.HasField("successful"):
            done.successful.ClearField("versioning_behavior")
        return done

    def get_serialization_context(self, command_info: object) -> None:  # noqa: ARG002 # the name is the SDK's
        return None

    def get_external_store_context(self, command_info: object) -> StorageDriverStoreContext:  # noqa: ARG002 # the same
        return _NO_STORE

    def get_info(self) -> Info:
        return self._inner.get_info()

    def get_thread_id(self) -> int | None:
        return self._inner.get_thread_id()


class Sandbox(SandboxedWorkflowRunner):
    """Runs workflows in Temporal's sandbox. `versioned`: for a worker that is a build of a deployment."""

    def __init__(self, *, versioned: bool) -> None:
        super().__init__(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
        self._versioned = versioned

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """An instance for one run."""
        return _Instance(super().create_instance(det), versioned=self._versioned)


def sandbox(*, versioned: bool = False) -> Sandbox:
    """The workflow sandbox, with our own modules passed through, for a worker that is a build (`versioned`) or not."""
    return Sandbox(versioned=versioned)
