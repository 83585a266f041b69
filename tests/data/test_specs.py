import numpy as np
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.specs import (
    decline_fixed_batch,
    describe_shape,
    element_type,
    fits,
    has_batch_axis,
)
from zoo_compress.errors import InputError


def spec(name, *shape, dtype="float32"):
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def test_a_dynamic_or_single_first_axis_counts_samples():
    assert has_batch_axis(spec("x", "batch", 3))
    assert has_batch_axis(spec("x", None))
    assert has_batch_axis(spec("x", 1, 3))
    assert not has_batch_axis(spec("state", 2, None, 128))
    assert not has_batch_axis(spec("sr"))


def test_a_batch_fixed_above_one_is_declined_by_name_and_length():
    with pytest.raises(InputError, match=r"'x' \(8, 3, 224, 224\): its batch axis is fixed at 8"):
        decline_fixed_batch([spec("mask", "batch"), spec("x", 8, 3, 224, 224)])


def test_a_recurrent_state_with_its_batch_on_another_axis_is_no_fixed_batch():
    decline_fixed_batch([spec("x", None, None), spec("state", 2, None, 128), spec("sr")])


def test_a_fixed_first_axis_is_declined_where_no_other_input_has_a_dynamic_batch():
    with pytest.raises(InputError, match="'x'"):
        decline_fixed_batch([spec("x", 2, None, 128)])


@pytest.mark.parametrize("dtype", ["object", "str", "bfloat16x", "complex64"])
def test_an_element_type_that_is_no_number_is_named(dtype):
    with pytest.raises(InputError, match=f"'x' has element type {dtype}"):
        element_type(spec("x", 1, dtype=dtype))


def test_element_types_of_numbers_are_numpy_types():
    assert element_type(spec("x", 1, dtype="float16")) == np.float16


def test_only_fixed_axes_restrict_a_shape():
    assert fits((1, 3, 7), (None, 3, "width"))
    assert not fits((1, 4, 7), (None, 3, "width"))
    assert not fits((1, 3), (None, 3, "width"))


def test_unnamed_axes_are_shown_as_question_marks():
    assert describe_shape(("batch", 3, None)) == "(batch, 3, ?)"
