import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.numerics.pair_shape import MANY_COLUMNS, PairShape

shapes = st.builds(
    PairShape,
    rows=st.integers(1, 30),
    columns=st.integers(1, 30),
    rows_first=st.booleans(),
)


@given(shapes)
def test_first_and_second_numbers_make_up_the_matrix(shape):
    numbers = np.arange(shape.rows * shape.columns).reshape(shape.rows, shape.columns) + 1
    paired = shape.paired(numbers)
    found = paired.reshape(-1, shape.columns)
    np.testing.assert_array_equal(found[: shape.rows], numbers)
    assert not found[shape.rows :].any()
    assert paired[0].size == shape.symbols


@given(shapes)
def test_rows_are_merged_only_where_they_make_whole_ones(shape):
    symbols = np.arange(shape.symbols).reshape(shape.pair_rows, shape.columns)
    merged = shape.merged_rows(symbols)
    assert merged.shape == (shape.pair_rows // shape.merged, shape.code_columns)
    np.testing.assert_array_equal(merged.reshape(-1), symbols.reshape(-1))
    assert shape.merged == 1 or shape.code_columns < 2 * MANY_COLUMNS


@pytest.mark.parametrize(
    ("rows", "columns", "merged"), [(96, 9, 8), (24, 9, 4), (96, 64, 1), (97, 9, 1), (0, 9, 1)]
)
def test_few_columns_are_merged_until_they_are_many(rows, columns, merged):
    assert PairShape(rows=rows, columns=columns, rows_first=True).merged == merged
    assert PairShape(rows=rows, columns=columns, rows_first=False).merged == 1
