"""What another matrix would have asked for about wires of the past."""

from models.wires import Approver, Facts, Matrix, Row
from models.wires.effect import Effect, Routed, effect

ONE = (Approver.OFFICER,)
MATRIX = Matrix(
    rows=(
        Row(name="large", over=1000, approvers=(Approver.OFFICER, Approver.COMPLIANCE)),
        Row(name="rest", approvers=ONE),
    ),
    call_back_over=500,
)
SMALL = Facts(base_minor=100_00)
NEW = Facts(base_minor=600_00, new_beneficiary=True)
LARGE = Facts(base_minor=2000_00)


def test_each_wire_is_held_against_what_it_took() -> None:
    past = [
        Routed(facts=SMALL, approvers=ONE, call_back=False),
        Routed(facts=SMALL, approvers=(), call_back=False),
        Routed(facts=NEW, approvers=(Approver.OFFICER, Approver.OFFICER), call_back=False),
        # A plain officer does not stand in for a senior one.
        Routed(facts=NEW, approvers=(Approver.SENIOR,), call_back=True),
        Routed(facts=LARGE, approvers=(Approver.OFFICER, Approver.SENIOR), call_back=True),
        # An amount that no rate told is more than any amount.
        Routed(facts=Facts(base_minor=None), approvers=ONE, call_back=False),
    ]
    assert effect(MATRIX, past, "EUR") == Effect(wires=6, more=2, fewer=2, other=1, called_back=2, would_call_back=2)


def test_a_bank_without_wires_has_no_past() -> None:
    assert effect(MATRIX, [], "EUR") == Effect(wires=0, more=0, fewer=0, other=0, called_back=0, would_call_back=0)
