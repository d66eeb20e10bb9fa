"""Versions that two people publish: where one stands, and in what it differs from the one before."""

from uuid import UUID

import pytest

from models.monitoring import Velocity
from models.proposals import Alteration, Change, FieldChange, ProposalStatus, changes, status_of
from models.wires import Approver, Risk, Row

ME, YOU = UUID(int=1), UUID(int=2)
OFFICER = (Approver.OFFICER,)


@pytest.mark.parametrize(
    ("published", "refused_by", "later", "stands"),
    [
        (False, None, False, ProposalStatus.PROPOSED),
        (False, None, True, ProposalStatus.OVERTAKEN),
        (True, None, True, ProposalStatus.PUBLISHED),
        (False, YOU, True, ProposalStatus.REFUSED),
        (False, ME, False, ProposalStatus.WITHDRAWN),
    ],
)
def test_where_a_version_stands(published: bool, refused_by: UUID | None, later: bool, stands: ProposalStatus) -> None:
    assert status_of(published=published, refused_by=refused_by, proposed_by=ME, later_published=later) is stands


def test_what_differs_is_told_by_the_part_and_the_field() -> None:
    before = [
        Velocity(name="many", hours=24, count=5, amounts={"EUR": 100, "USD": 90}),
        Velocity(name="same", hours=1, count=3),
        Velocity(name="gone", hours=1, count=2),
    ]
    after = [
        Velocity(name="fresh", hours=2, count=4),
        Velocity(name="same", hours=1, count=3),
        Velocity(name="many", hours=12, amounts={"EUR": 100, "CHF": 80}, two_people=True),
    ]
    fresh, many, gone = changes(before, after)
    assert (fresh.name, fresh.what) == ("fresh", Alteration.ADDED)
    assert FieldChange(field="hours", old=None, new=2) in fresh.fields
    assert many == Change(
        name="many",
        what=Alteration.CHANGED,
        fields=[
            FieldChange(field="two_people", old=False, new=True),
            FieldChange(field="hours", old=24, new=12),
            FieldChange(field="count", old=5, new=None),
            FieldChange(field="amounts.USD", old=90, new=None),
            FieldChange(field="amounts.CHF", old=None, new=80),
        ],
    )
    assert (gone.name, gone.what) == ("gone", Alteration.REMOVED)
    assert FieldChange(field="hours", old=1, new=None) in gone.fields


def test_where_order_means_something_what_stands_elsewhere_has_changed() -> None:
    large = Row(name="large", over=1000, approvers=OFFICER)
    risky = Row(name="risky", country=Risk.HIGH, approvers=OFFICER)
    rest = Row(name="rest", approvers=OFFICER)
    first = Row(name="first", unusual=True, approvers=OFFICER)
    assert changes([large, risky, rest], [large, risky, rest], ordered=True) == []
    # What an added part pushes down has not moved.
    assert [one.name for one in changes([large, risky, rest], [first, large, risky, rest], ordered=True)] == ["first"]
    (moved,) = changes([large, risky, rest], [risky, large, rest], ordered=True)
    assert [(one.field, {one.old, one.new}) for one in moved.fields if not isinstance(one.old, list)] == [
        ("place", {1, 2})
    ]
    assert changes([large, risky, rest], [risky, large, rest]) == []
    wider = rest.model_copy(update={"approvers": (Approver.OFFICER, Approver.SENIOR)})
    assert changes([rest], [wider], ordered=True) == [
        Change(
            name="rest",
            what=Alteration.CHANGED,
            fields=[FieldChange(field="approvers", old=["officer"], new=["officer", "senior"])],
        )
    ]
