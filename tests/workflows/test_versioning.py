"""What becomes of each kind of process when another build of the worker comes (decision 0042)."""

from temporalio import workflow
from temporalio.common import VersioningBehavior

from infra.settings import Settings
from infra.temporal import deployment_of
from workflows.registry import WORKFLOWS

# They wait for weeks, months or years.
MOVES_ON = {"kyc", "payment", "standing-order", "wire-recall"}


def test_what_waits_long_moves_on_and_the_rest_ends_where_it_began() -> None:
    said = {
        definition.name: definition.versioning_behavior or VersioningBehavior.UNSPECIFIED
        for definition in map(workflow._Definition.must_from_class, WORKFLOWS)
    }
    assert {name for name, behaviour in said.items() if behaviour is VersioningBehavior.AUTO_UPGRADE} == MOVES_ON
    assert set(said.values()) == {VersioningBehavior.AUTO_UPGRADE, VersioningBehavior.UNSPECIFIED}
    deployment = deployment_of(Settings(_env_file=None, worker_build_id="3f2a1b0"))
    assert deployment is not None
    assert deployment.default_versioning_behavior is VersioningBehavior.PINNED
    assert deployment.version.to_canonical_string() == "aurum.3f2a1b0"


def test_a_worker_that_knows_no_build_takes_every_process() -> None:
    assert deployment_of(Settings(_env_file=None)) is None
