"""What `Candidates` returns is what the written file of a plan returns."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper

from tests.techniques.rewritten import drawn, model_of, value
from zoo_compress.core import Plan
from zoo_compress.graph.normalize import normalize
from zoo_compress.graph.proto import SMALLEST_DETACHED_BYTES, to_compact_proto, to_skeleton
from zoo_compress.graph.sites import find_sites
from zoo_compress.graph.write import write_model
from zoo_compress.runtime.evaluator import CpuEvaluator
from zoo_compress.runtime.session import open_session
from zoo_compress.techniques.assembly import put_encoded
from zoo_compress.techniques.candidates import Candidates
from zoo_compress.techniques.codes import Codes
from zoo_compress.techniques.encoder import Encoder
from zoo_compress.techniques.svd import Svd


class RewrittenCodes(Codes):
    """`codes` that are run as the file holds them."""

    name = "rewritten"
    by_weights = False


TECHNIQUES = {
    "codes": Codes({}),
    "svd": Svd({"ranks": [0.5]}),
    "rewritten": RewrittenCodes({}),
}
FEEDS = [{"x": drawn(2, 96, seed=seed)} for seed in range(3)]


@pytest.fixture(scope="module")
def candidates() -> Candidates:
    weights = {"up": drawn(96, 200), "b": drawn(200), "down": drawn(200, 64, seed=1)}
    nodes = [
        helper.make_node("MatMul", ["x", "up"], ["wide"], name="first"),
        helper.make_node("Add", ["wide", "b"], ["moved"]),
        helper.make_node("Relu", ["moved"], ["kept"]),
        helper.make_node("MatMul", ["kept", "down"], ["y"], name="second"),
    ]
    model = model_of(
        nodes,
        [value("x", shape=["N", 96])],
        [value("y", TensorProto.FLOAT, ["N", 64])],
        weights,
    )
    graph = normalize(ir.from_proto(model))
    sites = find_sites(graph).sites
    names = [site.name for site in sites]
    return Candidates(
        model=graph,
        encoder=Encoder(sites=sites, weights=weights, techniques=TECHNIQUES),
        evaluator=CpuEvaluator(to_compact_proto(graph), FEEDS, replaceable=names, threads=1),
    )


def plan_of(candidates: Candidates, **techniques: str) -> Plan:
    """Return a plan with the mildest option of a technique for each named weight."""
    choices = {}
    for site, technique in techniques.items():
        (option, *_) = TECHNIQUES[technique].options(candidates.encoder.sites[site])
        choices[site] = type(option)(
            technique=technique, settings=option.settings, stored_bytes=option.stored_bytes
        )
    return Plan(choices=choices)


def file_outputs(candidates: Candidates, plan: Plan, folder) -> list[np.ndarray]:
    graph = candidates.model.clone()
    put_encoded(graph, plan, candidates.encoder)
    (path,) = write_model(graph, folder / "model.onnx")
    session = open_session(path, threads=1)
    return [session.run(None, feed)[0] for feed in FEEDS]


@pytest.mark.parametrize(
    "techniques",
    [
        {"up": "codes", "down": "codes"},
        {"up": "rewritten"},
        {"up": "rewritten", "down": "codes"},
        {"up": "codes", "down": "rewritten"},
        {"up": "svd", "down": "rewritten"},
        {},
    ],
)
def test_outputs_are_those_of_the_written_file(candidates, techniques, tmp_path):
    plan = plan_of(candidates, **techniques)
    expected = file_outputs(candidates, plan, tmp_path)
    found = candidates.outputs(plan, [2, 0])
    for (one,), other in zip(found, (expected[2], expected[0]), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(other).max())


def test_only_a_technique_whose_weights_tell_all_is_run_in_the_graph_of_the_original(
    candidates, monkeypatch
):
    graphs, weights = [], []
    of_graph, of_weights = CpuEvaluator.outputs_of, CpuEvaluator.outputs

    def in_a_graph(self, model, initializers, indices):
        nodes = onnx.ModelProto.FromString(model).graph.node
        graphs.append({node.op_type for node in nodes})
        return of_graph(self, model, initializers, indices)

    def with_weights(self, replacements, indices):
        weights.append({*replacements})
        return of_weights(self, replacements, indices)

    monkeypatch.setattr(CpuEvaluator, "outputs_of", in_a_graph)
    monkeypatch.setattr(CpuEvaluator, "outputs", with_weights)
    candidates.outputs(plan_of(candidates, up="codes", down="svd"), [0])
    assert (len(weights), graphs) == (1, [])
    assert weights[0] >= {"up", "down"}
    candidates.outputs(plan_of(candidates, up="codes", down="rewritten"), [0])
    assert len(weights) == 1
    assert graphs[0] > {"MatMul", "Add", "Relu", "Cast"}


def test_the_model_is_not_changed(candidates):
    before = to_compact_proto(candidates.model).SerializeToString()
    candidates.outputs(plan_of(candidates, up="rewritten", down="codes"), [0])
    assert to_compact_proto(candidates.model).SerializeToString() == before


def test_the_empty_plan_gives_the_reference(candidates):
    for (one,), (other,) in zip(
        candidates.outputs(Plan(), range(3)), candidates.reference, strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_large_weights_go_beside_the_skeleton(candidates):
    skeleton, arrays = to_skeleton(candidates.model)
    assert set(arrays) == {"up"}
    assert arrays["up"].nbytes >= SMALLEST_DETACHED_BYTES > 200 * 64 * 4
    assert len(skeleton) < len(to_compact_proto(candidates.model).SerializeToString()) - 70_000
    (found,) = open_session(skeleton, threads=1, initializers=arrays).run(None, FEEDS[0])
    np.testing.assert_array_equal(found, candidates.reference[0][0])


def test_time_is_accounted_for(candidates):
    before = dict(candidates.seconds)
    candidates.outputs(plan_of(candidates, up="rewritten"), [0])
    assert all(candidates.seconds[part] > before[part] for part in ("session", "forward"))
