"""Builders of small search problems; fixtures return functions so that hypothesis may use them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.core import Measurement, Option, Site, Trial
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.search.problem import Problem
from zoo_compress.search.sensitivity import Sensitivity
from zoo_compress.search.space import SearchSpace
from zoo_compress.stats.distance import OutputDistance
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder


def space_from(table, *, fixed_bytes=100, shared=None) -> SearchSpace:
    """Return the space whose site i takes `table[i][l]` bytes at level l.

    `shared` maps (site, level) to the constants that this option shares.
    """
    shared = shared or {}
    return SearchSpace(
        sites=tuple(
            Site(name=f"site{i}.weight", shape=(4,), dtype="float32", channel_axis=0, readers=())
            for i in range(len(table))
        ),
        options=tuple(
            tuple(
                Option(
                    technique="codes",
                    settings={"bits": 9 - level, "granularity": "channel"},
                    stored_bytes=int(size),
                    shared=shared.get((site, level), {}),
                )
                for level, size in enumerate(row[1:], start=1)
            )
            for site, row in enumerate(table)
        ),
        dense_bytes=tuple(int(row[0]) for row in table),
        fixed_bytes=fixed_bytes,
    )


def independent(distortion) -> Sensitivity:
    """Return sensitivities whose changes are orthogonal: every option is its own anchor."""
    distortion = np.asarray(distortion, float)
    power = np.where(np.isfinite(distortion), distortion, 0).ravel()
    anchor = np.arange(distortion.size).reshape(distortion.shape)
    return Sensitivity(distortion=distortion, anchor=anchor, inner=np.diag(power))


def problem_from(table, distortion, limit_bytes, *, seed=0) -> Problem:
    return Problem(
        space=space_from(table),
        limit_bytes=limit_bytes,
        sensitivity=independent(distortion),
        seed=seed,
    )


def drawn_problem(seed, *, sites=6, share=0.2, search_seed=0) -> Problem:
    """Return a problem that looks real: 8 to 2 bits a weight, errors growing fourfold a bit."""
    rng = np.random.default_rng(seed)
    weights = rng.integers(100, 2000, sites)
    table = weights[:, None] * np.array([32, 8, 7, 6, 5, 4, 3, 2]) // 8
    growth = 4.0 ** np.arange(7) * rng.lognormal(sigma=0.3, size=(sites, 7))
    effect = rng.lognormal(sigma=1.5, size=(sites, 1)) * np.sort(growth, axis=1)
    distortion = np.hstack([np.zeros((sites, 1)), 1e-3 * effect])
    limit = 100 + int(share * table[:, 0].sum())
    return problem_from(table, distortion, limit, seed=search_seed)


def trial_of(space, theta, number=0, distance=1.0, variance=None) -> Trial:
    return Trial(
        number=number,
        plan=space.plan(np.asarray(theta, np.int64)),
        measurement=Measurement(
            distance=distance,
            variance=1e-4 * distance**2 if variance is None else variance,
            inputs=8,
            stored_bytes=space.stored_bytes(np.asarray(theta, np.int64)),
        ),
    )


@pytest.fixture(scope="session")
def make_space():
    return space_from


@pytest.fixture(scope="session")
def make_sensitivity():
    return independent


@pytest.fixture(scope="session")
def make_problem():
    return problem_from


@pytest.fixture(scope="session")
def draw_problem():
    return drawn_problem


@pytest.fixture(scope="session")
def make_trial():
    return trial_of


@dataclass(frozen=True, kw_only=True)
class Network:
    """A tiny model with all that a scan or a search needs to run it."""

    space: SearchSpace
    weights: dict[str, np.ndarray]
    encoder: Encoder
    evaluator: CpuEvaluator
    distance: OutputDistance

    @property
    def parts(self) -> dict[str, object]:
        """Return what `Scan` and `Measurer` have in common."""
        return {
            "space": self.space,
            "encoder": self.encoder,
            "evaluator": self.evaluator,
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
    return Network(
        space=SearchSpace(
            sites=sites,
            options=tuple(map(tuple, options)),
            dense_bytes=tuple(site.stored_bytes for site in sites),
            fixed_bytes=1000,
        ),
        weights=arrays,
        encoder=Encoder(sites=sites, weights=arrays, techniques=techniques),
        evaluator=evaluator,
        distance=OutputDistance(evaluator.reference),
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
