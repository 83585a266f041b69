"""Requests for inference that fit the model, and those that do not."""

import json
from typing import Any

import numpy as np
import pytest

from zoo_compress.serving.errors import RequestError
from zoo_compress.serving.model import Tensor
from zoo_compress.serving.request import InferRequest, read_request
from zoo_compress.serving.text import pack_text

INPUTS = [Tensor(name="x", datatype="FP32", shape=(-1, 2))]
OUTPUTS = [Tensor(name=name, datatype="FP32", shape=(-1,)) for name in ("y", "z")]


def given(**changes: object) -> dict[str, Any]:
    """An input that fits, but for the changes."""
    return {"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2.5]} | changes


def read(document: object, tail: bytes | None = None, inputs=INPUTS) -> InferRequest:
    head = json.dumps(document).encode()
    return read_request(head + (tail or b""), None if tail is None else len(head), inputs, OUTPUTS)


def of_type(datatype: str, data: object, shape: list[int]) -> Any:
    tensor = Tensor(name="x", datatype=datatype, shape=(-1,) * len(shape))
    record = {"name": "x", "datatype": datatype, "shape": shape, "data": data}
    return read({"inputs": [record]}, inputs=[tensor]).inputs["x"]


@pytest.mark.parametrize("data", [[1, 2.5, 3, 4], [[1, 2.5], [3, 4]]])
def test_json_data_may_be_flat_or_nested(data: object) -> None:
    request = read({"id": "7", "inputs": [given(shape=[2, 2], data=data)]})
    assert request.id == "7"
    np.testing.assert_array_equal(request.inputs["x"], np.float32([[1, 2.5], [3, 4]]))
    assert [(wanted.name, wanted.binary) for wanted in request.outputs] == [
        ("y", False),
        ("z", False),
    ]


def test_bytes_behind_the_json_are_taken_in_the_order_of_the_inputs() -> None:
    array = np.float32([[1, 2.5]])
    record = given(parameters={"binary_data_size": array.nbytes})
    del record["data"]
    request = read({"inputs": [record]}, array.tobytes())
    np.testing.assert_array_equal(request.inputs["x"], array)


def test_outputs_are_returned_as_they_are_asked_for() -> None:
    asked = [{"name": "z", "parameters": {"binary_data": True}}, {"name": "y"}]
    request = read({"inputs": [given()], "outputs": asked})
    assert [(wanted.name, wanted.binary) for wanted in request.outputs] == [
        ("z", True),
        ("y", False),
    ]
    binary = read({"inputs": [given()], "parameters": {"binary_data_output": True}})
    assert all(wanted.binary for wanted in binary.outputs)


def test_text_is_kept_as_it_is_in_both_forms() -> None:
    texts = ["", "zwölf", "a\0", "a"]
    assert of_type("BYTES", texts, [4]).tolist() == texts
    packed = pack_text(texts)
    record = given(datatype="BYTES", shape=[4], parameters={"binary_data_size": len(packed)})
    tensor = Tensor(name="x", datatype="BYTES", shape=(-1,))
    found = read({"inputs": [record]}, packed, inputs=[tensor]).inputs["x"]
    assert found.tolist() == texts


@pytest.mark.parametrize(
    ("datatype", "data"),
    [("INT64", [2**63 - 1]), ("UINT8", [255]), ("BOOL", [True]), ("FP16", [0.5]), ("FP32", [])],
)
def test_values_of_each_kind_are_read_without_a_loss(datatype: str, data: list[Any]) -> None:
    assert of_type(datatype, data, [len(data)]).tolist() == data


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("INT64", [1.5]),
        ("UINT8", [256]),
        ("INT32", [-(2**31) - 1]),
        ("INT64", ["1"]),
        ("BOOL", [1]),
        ("FP32", [True]),
        ("FP32", [None]),
        ("FP32", [{}]),
        ("BYTES", [1]),
        ("FP32", 10**400),
    ],
)
def test_values_that_would_change_are_refused(datatype: str, data: object) -> None:
    with pytest.raises(RequestError, match=f"'x': data is not {datatype}"):
        of_type(datatype, data, [1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "nope"}, "no input 'nope'; the model takes x"),
        ({"name": None}, "no input None"),
        ({"datatype": "FP64"}, "datatype 'FP64', expected 'FP32'"),
        ({"datatype": None}, "datatype None"),
        ({"shape": [1, 3]}, r"shape \[1, 3\], expected \[-1, 2\]"),
        ({"shape": [2]}, r"shape \[2\]"),
        ({"shape": [-1, 2]}, r"shape \[-1, 2\]"),
        ({"shape": [True, 2]}, "shape"),
        ({"shape": "1,2"}, "shape '1,2'"),
        ({"shape": [10**30, 2]}, "2 values, shape"),
        ({"data": [1, 2, 3]}, "3 values, shape"),
        ({"data": [[1, 2], [3]]}, "data is not FP32"),
        ({"parameters": []}, "'parameters' is no object"),
        ({"parameters": {"shared_memory_region": "r"}}, "is not supported"),
        ({"parameters": {"binary_data_size": 8}}, "does not lie in the 0 bytes"),
        ({"parameters": {"binary_data_size": -1}}, "does not lie"),
    ],
)
def test_an_input_that_does_not_fit_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message) as raised:
        read({"inputs": [given(**changes)]})
    assert raised.value.status == 400
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "no JSON object"),
        ({}, "input 'x' is missing"),
        ({"inputs": {}}, "'inputs' is no list"),
        ({"inputs": [1]}, "'inputs' is no list of objects"),
        ({"inputs": [given(), given()]}, "given twice"),
        ({"inputs": [given()], "outputs": [{"name": "w"}]}, "no output 'w'"),
        (
            {
                "inputs": [given()],
                "outputs": [{"name": "y", "parameters": {"classification": 1}}],
            },
            "'classification' is not supported",
        ),
    ],
)
def test_a_request_that_does_not_fit_is_one_line(document: object, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        read(document)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_one_line(body: bytes) -> None:
    with pytest.raises(RequestError, match="is no JSON") as raised:
        read_request(body, None, INPUTS, OUTPUTS)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [7, 9])
def test_bytes_of_another_length_are_refused(size: int) -> None:
    record = given(parameters={"binary_data_size": size})
    with pytest.raises(RequestError, match=f"{size} bytes, shape"):
        read({"inputs": [record]}, bytes(size))


def test_bytes_of_no_input_are_refused() -> None:
    with pytest.raises(RequestError, match="3 bytes behind the JSON belong to no input"):
        read({"inputs": [given()]}, b"abc")


@pytest.mark.parametrize("data", [b"\x01", b"\x02\0\0\0a", b"\x01\0\0\0\xff"])
def test_damaged_text_is_refused(data: bytes) -> None:
    tensor = Tensor(name="x", datatype="BYTES", shape=(-1,))
    record = given(datatype="BYTES", shape=[1], parameters={"binary_data_size": len(data)})
    with pytest.raises(RequestError, match="text"):
        read({"inputs": [record]}, data, inputs=[tensor])
