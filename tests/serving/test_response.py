import json

import numpy as np
import pytest

from zoo_compress.serving.errors import RequestError
from zoo_compress.serving.model import Tensor
from zoo_compress.serving.request import InferRequest, Wanted
from zoo_compress.serving.response import write_response
from zoo_compress.serving.text import unpack_text

OUTPUTS = [
    Tensor(name="y", datatype="FP32", shape=(-1,)),
    Tensor(name="words", datatype="BYTES", shape=(-1,)),
]


def written(arrays, *wanted: tuple[str, bool]) -> tuple[bytes, int | None]:
    outputs = [Wanted(name=name, binary=binary) for name, binary in wanted]
    request = InferRequest(id=None, inputs={}, outputs=outputs)
    return write_response("net", request, arrays, OUTPUTS)


def test_numbers_in_json_are_those_of_the_array() -> None:
    array = np.float32([[0.1, -1e-30]])
    body, header = written([array], ("y", False))
    found = json.loads(body)["outputs"][0]
    assert header is None
    assert found["shape"] == [1, 2]
    np.testing.assert_array_equal(np.float32(found["data"]).reshape(1, 2), array)


def test_bytes_lie_behind_the_json_in_the_order_of_the_outputs() -> None:
    arrays = [np.array(["a", "zwölf"], dtype=object), np.float32([np.nan])]
    body, header = written(arrays, ("words", True), ("y", True))
    assert header is not None
    first, second = json.loads(body[:header])["outputs"]
    size = first["parameters"]["binary_data_size"]
    assert unpack_text(body[header : header + size]) == ["a", "zwölf"]
    assert body[header + size :] == np.float32([np.nan]).tobytes()
    assert second["parameters"]["binary_data_size"] == 4


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_without_a_form_in_json_is_said_to_be_one(value: float) -> None:
    with pytest.raises(RequestError, match="'y' holds NaN or infinity") as raised:
        written([np.float32([value])], ("y", False))
    assert raised.value.status == 500
