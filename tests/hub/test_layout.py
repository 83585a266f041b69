import pytest

from zoo_compress.core import Option, Plan
from zoo_compress.hub.layout import model_suffix, place

FOUR = Option(technique="matmul-nbits", settings={"bits": 4}, stored_bytes=1)
EIGHT = Option(technique="matmul-nbits", settings={"bits": 8}, stored_bytes=1)
HALF = Option(technique="float16", settings={}, stored_bytes=1)
CODES = Option(technique="codes", settings={"bits": 4}, stored_bytes=1)


@pytest.mark.parametrize(
    ("options", "suffix"),
    [
        ([], "_quantized"),
        ([CODES], "_quantized"),
        ([FOUR, FOUR], "_q4"),
        ([FOUR, EIGHT], "_quantized"),
        ([FOUR, CODES], "_quantized"),
        ([HALF], "_fp16"),
        ([HALF, CODES], "_quantized"),
    ],
)
def test_the_suffix_says_what_the_file_holds(options, suffix):
    choices = {f"weight{number}": option for number, option in enumerate(options)}
    assert model_suffix(Plan(choices=choices)) == suffix


@pytest.mark.parametrize(
    ("name", "plain", "browser"),
    [
        ("model.onnx", "model.onnx", "onnx/model_q4.onnx"),
        ("model.onnx.data", "model.onnx.data", "onnx/model.onnx.data"),
        ("tokenizer.json", "tokenizer.json", "tokenizer.json"),
        ("1_Pooling/config.json", "1_Pooling/config.json", "1_Pooling/config.json"),
    ],
)
def test_only_the_model_and_its_data_lie_elsewhere_for_the_browser(name, plain, browser):
    where = {"model": "model.onnx", "data": ("model.onnx.data",), "suffix": "_q4"}
    assert place(name, layout="plain", **where) == plain
    assert place(name, layout="transformers-js", **where) == browser
