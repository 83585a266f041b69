"""Builders of search problems and tiny networks; fixtures return functions, for hypothesis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Site
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace
from zoo_compress.stats.distances.squared_l2 import SquaredL2
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.testing.problems import draw_problem, problem_of, space_of
from zoo_compress.testing.trials import trial_of


@pytest.fixture(scope="session")
def make_space():
    return space_of


@pytest.fixture(scope="session")
def make_sensitivity():
    return lambda distortion: Sensitivity(distortion=np.asarray(distortion, float))


@pytest.fixture(scope="session")
def make_problem():
    return problem_of


@pytest.fixture(scope="session", name="draw_problem")
def give_draw_problem():
    return draw_problem


@pytest.fixture(scope="session")
def make_trial():
    return trial_of


@dataclass(frozen=True, kw_only=True)
class Network:
    """A tiny model with all that a scan or a search needs to run it."""

    space: SearchSpace
    weights: dict[str, np.ndarray]
    encoder: Encoder
    candidates: Candidates
    distance: SquaredL2

    @property
    def parts(self) -> dict[str, object]:
        """Return what `Scan` and `Measurer` have in common."""
        return {
            "space": self.space,
            "candidates": self.candidates,
            "distance": self.distance,
        }


def network_from(model, feeds, *, axes, techniques) -> Network:
    """Return a network whose sites are the weights named by `axes` (name -> channel axis)."""
    arrays = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if t.name in axes}
    sites = tuple(
        Site(
            name=name,
            shape=array.shape,
            dtype=str(array.dtype),
            channel_axis=axes[name],
            readers=(),
            alias=f"zoo.{number}",
        )
        for number, (name, array) in enumerate(arrays.items())
    )
    evaluator = CpuEvaluator(model, feeds, replaceable=list(arrays), threads=1)
    options = [
        sorted(
            (option for technique in techniques.values() for option in technique.options(site)),
            key=lambda option: -option.stored_bytes,
        )
        for site in sites
    ]
    encoder = Encoder(sites=sites, weights=arrays, techniques=techniques)
    return Network(
        space=SearchSpace(
            sites=sites,
            options=tuple(map(tuple, options)),
            dense_bytes=tuple(site.stored_bytes for site in sites),
            fixed_bytes=1000,
        ),
        weights=arrays,
        encoder=encoder,
        candidates=Candidates(model=ir.from_proto(model), encoder=encoder, evaluator=evaluator),
        distance=SquaredL2(evaluator.reference),
    )


def classifier(classes: int = 10) -> onnx.ModelProto:
    """Return Conv, Relu, pooling and MatMul; weights `conv.w` and `fc.w`."""
    rng = np.random.default_rng(1)
    weights = {
        "conv.w": rng.standard_normal((32, 8, 3, 3)).astype(np.float32),
        "fc.w": rng.standard_normal((32, classes)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "conv.w"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("MatMul", ["f", "fc.w"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 8, 6, 6])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", classes])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def images(count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(3)
    return [{"image": rng.standard_normal((1, 8, 6, 6)).astype(np.float32)} for _ in range(count)]


@pytest.fixture(scope="session")
def make_network():
    """Return a function: techniques, samples and classes -> the classifier, ready to run."""

    def make(techniques=None, *, samples=6, classes=40, feeds=None) -> Network:
        return network_from(
            classifier(classes),
            images(samples) if feeds is None else feeds,
            axes={"conv.w": 0, "fc.w": 1},
            techniques={"codes": Codes({})} if techniques is None else techniques,
        )

    return make


@pytest.fixture(scope="session")
def network(make_network):
    return make_network()


@pytest.fixture(scope="session")
def classifier_model():
    """The model of `network`."""
    return classifier(40)


@pytest.fixture(scope="session")
def classifier_images():
    """The samples of `network`."""
    return images(6)
