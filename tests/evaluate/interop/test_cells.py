"""Cells that spreadsheets do not run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.interop.cells import harmless


@pytest.mark.parametrize(
    "text, cell",
    [
        pytest.param("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0", id="formula"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="old_formula"),
        pytest.param("-2+3+cmd", "'-2+3+cmd", id="minus"),
        pytest.param("\t=1", "'\t=1", id="formula_behind_a_tab"),
        pytest.param("-5", "-5", id="plain_number_is_none"),
        pytest.param("+1.5e3", "+1.5e3", id="plain_number_with_a_plus"),
        pytest.param("a = b", "a = b", id="equals_within"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_cell_runs_nothing(text, cell):
    assert harmless(text) == cell


@given(st.text())
def test_the_text_is_always_whole(text):
    assert harmless(text).removeprefix("'") == text.removeprefix("'")
