import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.report.snippet import loading_snippet


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        ((1, 3, 32, 32), "float32", "np.ones((1, 3, 32, 32), dtype=np.float32)"),
        (("N", 3, "H", "W"), "float32", "np.ones((1, 3, 224, 224), dtype=np.float32)"),
        (("batch", "sequence"), "int64", "np.ones((1, 16), dtype=np.int64)"),
        ((None,), "bool", "np.ones((1,), dtype=bool)"),
        ((), "float64", "np.ones((), dtype=np.float64)"),
        ((2,), "object", "np.full((2,), 'text', dtype=object)"),
    ],
)
def test_a_placeholder_has_the_inputs_shape_and_type(shape, dtype, expected):
    spec = TensorSpec(name="x", shape=shape, dtype=dtype)
    assert f"'x': {expected}," in loading_snippet("m.onnx", [spec])


def test_names_with_quotes_and_line_breaks_still_compile():
    spec = TensorSpec(name="a'\"\n```", shape=(1,), dtype="float32")
    source = loading_snippet("it's.onnx", [spec])
    compile(source, "snippet", "exec")
    assert not any(line.startswith("```") for line in source.splitlines())
