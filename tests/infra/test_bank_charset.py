"""What becomes of the characters of the world on their way to a bank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.bank.charset import X_SET, always_in_x_set, in_x_set


class TestCharacterSet:
    @pytest.mark.parametrize(
        ("written", "sent"),
        [
            ("Plain text, 1/2 (x) 'y' + z?", "Plain text, 1/2 (x) 'y' + z?"),
            ("Jürgen Groß", "Jurgen Gross"),
            ("GROẞ", "GROSS"),
            ("Łukasz Żółć", "Lukasz Zolc"),
            ("Søren Ærø Þór", "Soren Aero Thor"),
            ("Ελευθέριος", "Eleytherios"),
            ("Щербаков", "Shcherbakov"),
            ("ЩЕРБАКОВ", "SHCHERBAKOV"),
            ("Nguyễn Thị Ánh", "Nguyen Thi Anh"),
            ("ＡＢＣ１２３", "ABC123"),
            ("Smith & Sons", "Smith + Sons"),
            ("a@b_c – d", "a(at)b-c - d"),
            ("“quoted” ‘words’", "'quoted' 'words'"),
            ("tab\there\r\nline\u00a0nbsp", "tab here line nbsp"),
            ("zero\u200bwidth\u202e", "zerowidth"),
            ("50 €", "50 EUR"),
            ("10 %", "10 ."),
            ("Bank 中国", "Bank .."),
            ("中国", ""),
            ("...", ""),
            ("  ", ""),
            ("\ud800", ""),
        ],
    )
    def test_transliteration(self, written: str, sent: str) -> None:
        assert in_x_set(written, 140) == sent

    def test_what_has_to_be_there_is_there(self) -> None:
        assert always_in_x_set("中国", 140) == "NOTPROVIDED"

    def test_a_cut_leaves_no_loose_space(self) -> None:
        assert in_x_set("abc def", 4) == "abc"

    @given(st.text(), st.integers(1, 140))
    def test_whatever_is_written(self, written: str, limit: int) -> None:
        sent = always_in_x_set(written, limit)

        assert 1 <= len(sent) <= limit
        assert set(sent) <= X_SET
        assert sent == sent.strip()
        assert always_in_x_set(sent, limit) == sent
