import pytest

from tests.deploy.triton_messages import parsed
from zoo_compress.core import TensorSpec
from zoo_compress.deploy.served_model import DATATYPES, ServedModel
from zoo_compress.deploy.triton import model_config
from zoo_compress.deploy.triton_shadow import shadow_config
from zoo_compress.errors import SourceError

IMAGE = TensorSpec(name="x", shape=("batch", 3, "height", None), dtype="float32")
IDS = TensorSpec(name="input_ids", shape=(1, 32), dtype="int64")
RATE = TensorSpec(name="sr", shape=(), dtype="int64")
WEIGHT = TensorSpec(name="weight", shape=("batch",), dtype="float32")
LOGITS = TensorSpec(name="logits", shape=("batch", 10), dtype="float32")


def served(*inputs: TensorSpec, batched: bool, name: str = "net") -> ServedModel:
    return ServedModel(name=name, inputs=inputs, outputs=(LOGITS,), batched=batched)


def kinds(tensors) -> list[str]:
    field = tensors[0].DESCRIPTOR.fields_by_name["data_type"]
    return [field.enum_type.values_by_number[tensor.data_type].name for tensor in tensors]


def test_the_batch_axis_is_left_out_of_the_dims_where_requests_may_share_a_batch() -> None:
    config = parsed(model_config(served(IMAGE, batched=True)))
    assert config.name == "net"
    assert config.backend == "onnxruntime"
    assert config.default_model_filename == "model.onnx"
    assert config.max_batch_size > 1
    assert config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [3, -1, -1]
    assert list(config.output[0].dims) == [10]


def test_dims_are_whole_where_each_request_runs_by_itself() -> None:
    config = parsed(model_config(served(IDS, batched=False)))
    assert config.max_batch_size == 0
    assert not config.HasField("dynamic_batching")
    assert list(config.input[0].dims) == [1, 32]
    assert list(config.output[0].dims) == [-1, 10]


@pytest.mark.parametrize(("spec", "batched"), [(RATE, False), (WEIGHT, True)])
def test_a_tensor_without_an_axis_of_its_own_is_reshaped(spec: TensorSpec, batched: bool) -> None:
    tensor = parsed(model_config(served(spec, batched=batched))).input[0]
    assert list(tensor.dims) == [1]
    assert tensor.HasField("reshape")
    assert list(tensor.reshape.shape) == []


@pytest.mark.parametrize("dtype", list(DATATYPES))
def test_every_element_type_is_one_that_triton_knows(dtype: str) -> None:
    spec = TensorSpec(name="x", shape=(1,), dtype=dtype)
    config = parsed(model_config(served(spec, batched=False)))
    expected = "STRING" if dtype == "object" else DATATYPES[dtype]
    assert kinds(config.input) == [f"TYPE_{expected}"]


def test_an_element_type_without_a_name_is_refused() -> None:
    spec = TensorSpec(name="x", shape=(1,), dtype="complex64")
    with pytest.raises(SourceError, match=r"'x' has elements of type complex64"):
        model_config(served(spec, batched=False))


@pytest.mark.parametrize(("device", "kind"), [("cpu", "KIND_CPU"), ("gpu", "KIND_GPU")])
def test_instances_are_on_the_device_that_was_asked_for(device, kind) -> None:
    group = parsed(model_config(served(IDS, batched=False), device=device, instances=3))
    found = group.instance_group[0]
    assert found.count == 3
    assert found.kind == found.DESCRIPTOR.enum_types_by_name["Kind"].values_by_name[kind].number


@pytest.mark.parametrize("name", ['a "quoted" name', "back\\slash", "zwölf/x:0", "line\nbreak"])
def test_any_name_of_a_tensor_survives(name: str) -> None:
    spec = TensorSpec(name=name, shape=(1,), dtype="float32")
    assert parsed(model_config(served(spec, batched=False))).input[0].name == name


def test_the_ensemble_gives_each_request_to_both_and_returns_both_answers() -> None:
    pair = [served(IMAGE, batched=True, name=name) for name in ("net", "net_original")]
    config = parsed(shadow_config("net_shadow", *pair))
    assert config.platform == "ensemble"
    assert config.max_batch_size == parsed(model_config(pair[0])).max_batch_size
    assert [tensor.name for tensor in config.input] == ["x"]
    assert {t.name for t in config.output} == {"compressed_logits", "original_logits"}
    steps = config.ensemble_scheduling.step
    assert [step.model_name for step in steps] == ["net", "net_original"]
    assert [dict(step.input_map) for step in steps] == [{"x": "x"}] * 2
    assert [dict(step.output_map) for step in steps] == [
        {"logits": "compressed_logits"},
        {"logits": "original_logits"},
    ]


def test_an_input_that_only_the_original_takes_goes_to_the_original_alone() -> None:
    unused = TensorSpec(name="unused", shape=("batch", 1), dtype="float32")
    compressed = served(IMAGE, batched=True)
    original = served(IMAGE, unused, batched=True, name="net_original")
    config = parsed(shadow_config("both", compressed, original))
    assert {tensor.name for tensor in config.input} == {"x", "unused"}
    first, second = config.ensemble_scheduling.step
    assert set(first.input_map) == {"x"}
    assert set(second.input_map) == {"x", "unused"}


def test_an_input_in_two_forms_is_refused() -> None:
    other = TensorSpec(name="x", shape=("batch", 3), dtype="float32")
    with pytest.raises(SourceError, match="without --with-original"):
        shadow_config("both", served(IMAGE, batched=True), served(other, batched=True))
