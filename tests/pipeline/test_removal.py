import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import numpy_helper

from tests.graph.channels.networks import Network
from tests.graph.channels.test_remove_heads import HEADS, SIZE, WIDTH, encoder
from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.core import Plan, ignore_progress
from zoo_compress.graph.proto import to_compact_proto
from zoo_compress.pipeline import apply, inspect, resume, run
from zoo_compress.pipeline.folder import FINGERPRINT_FILE, PLAN_FILE
from zoo_compress.pipeline.removal import remove
from zoo_compress.pipeline.study import Study, build_study
from zoo_compress.plan import ranges, read_plan
from zoo_compress.recipe import RemovalShares, load_recipe, recipe_text

QUICK = {"strategy": "knapsack", "trials": 1, "budget": "0.3"}


def recipe(case: Case, **changes: object) -> str:
    path = case.model.with_name("mine.yaml")
    search = {"search_inputs": 30, "calibration_inputs": 40, "scan_inputs": 4, "frontier": 0}
    shares = {"channels": 0.9, "heads": 0.9}
    shipped = yaml.safe_load(recipe_text("pruned"))
    known = shipped | {"search": search, "remove": shares}
    path.write_text(yaml.safe_dump(known | changes))
    return str(path)


@pytest.fixture
def residual(tmp_path: Path) -> Case:
    return residual_case(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A run that has removed channels; tests leave it as it is."""
    case = residual_case(tmp_path_factory.mktemp("finished"))
    run(case.settings(recipe=recipe(case, remove={"channels": 0.5}), **QUICK))
    return case


def residual_case(folder: Path) -> Case:
    """A classifier with a residual sum, a depthwise kernel and channels that are redundant."""
    net = Network(width={"x": 3}, seed=4)
    x = net.node("Relu", net.conv("x", 24, 3))
    inner = net.node("Relu", net.depthwise(net.node("Relu", net.conv(x, 32))))
    net.width[inner] = 32
    x = net.node("Relu", net.node("Add", net.conv(inner, 24, 3), x))
    net.width[x] = 24
    x = net.node("Flatten", net.node("GlobalAveragePool", net.conv(x, 48)))
    model = net.build(net.gemm(x, 48, 16), ["N", 3, 8, 8], ["N", 16])
    return saved(folder, model, np.random.default_rng(1).standard_normal((160, 3, 8, 8)))


@pytest.fixture
def transformer(tmp_path: Path) -> Case:
    net = encoder()
    y = net.nodes[-1].output[0]
    model = net.build(y, ["N", 5, WIDTH], ["N", 5, WIDTH])
    return saved(tmp_path, model, np.random.default_rng(1).standard_normal((160, 5, WIDTH)))


def saved(folder: Path, model, samples: np.ndarray) -> Case:
    onnx.save(to_compact_proto(model), folder / "model.onnx")
    np.savez(folder / "data.npz", x=samples.astype(np.float32))
    return Case(folder / "model.onnx", folder / "data.npz", folder / "run")


def study_of(case: Case, **changes: object) -> Study:
    chosen = recipe(case, **changes)
    return build_study(case.settings(recipe=chosen, **QUICK), ignore_progress)


def distance(study: Study) -> float:
    """Return the relative distance of the smaller graph before any weight is compressed."""
    return study.distance.relative(study.measurer.measure(Plan()).distance)


@pytest.mark.parametrize("kind", ["residual", "transformer"])
def test_a_run_writes_a_smaller_graph_that_its_plan_writes_again(
    kind: str, request: pytest.FixtureRequest
) -> None:
    case: Case = request.getfixturevalue(kind)
    shares = {"channels": 0.7, "heads": 0.7}
    result = run(case.settings(recipe=recipe(case, remove=shares), **QUICK))
    again = case.out / "again.onnx"
    apply(str(case.model), plan=case.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (case.out / "model.onnx").read_bytes()
    assert result.report["original_bytes"] == case.model.stat().st_size
    assert result.report["size_ratio"] <= 0.3
    for name in ("channels", *(["heads"] if kind == "transformer" else [])):
        count = result.report["removal"]["counts"][name]
        assert 0 < count["removed"] < count["of"]
    card = (case.out / "README.md").read_text("utf-8")
    assert f"{count['removed']} of {count['of']}" in card
    assert "**Removed** from the graph before that" in card
    assert "the weights that read them made up for it" in card


def test_distances_are_those_to_the_original_not_to_the_smaller_graph(residual: Case) -> None:
    study = study_of(residual, remove={"channels": 0.6})
    whole = study_of(residual, remove={"channels": 1.0})
    assert study.removal is not None
    assert distance(study) > 1e-3
    assert whole.removal is None
    assert distance(whole) == 0
    for one, other in zip(study.candidates.reference, whole.candidates.reference, strict=True):
        np.testing.assert_allclose(one[0], other[0], rtol=1e-4, atol=1e-5)


def test_no_more_bytes_go_than_the_share_allows(residual: Case) -> None:
    groups = [group for group in inspect(str(residual.model)).groups if group.reason is None]
    sizes = {group.name: group.stored_bytes / group.units for group in groups}
    for share in (0.5, 0.8, 0.95):
        removal = study_of(residual, remove={"channels": share}).removal
        assert removal is not None
        gone = sum(sizes[g.name] * (g.units - len(g.places)) for g in removal.groups)
        whole = sum(group.stored_bytes for group in groups)
        assert (1 - share) * whole - max(sizes.values()) < gone <= (1 - share) * whole


def test_other_weights_make_up_for_what_goes(residual: Case) -> None:
    fitted, plain = (
        distance(study_of(residual, remove={"channels": 0.8, "compensate": compensate}))
        for compensate in (True, False)
    )
    assert fitted < 0.5 * plain


def test_weights_fitted_to_inputs_of_another_kind_are_not_used(residual: Case) -> None:
    whole = study_of(residual, remove=None)
    real = whole.inputs.subset(whole.split.calibrate).feeds
    image = np.random.default_rng(9).standard_normal((1, 3, 8, 8)).astype(np.float32)
    other = [{"x": np.float32(50) + np.float32(scale) * image} for scale in np.linspace(-9, 9, 24)]
    shares = RemovalShares(channels=0.8)
    found = []
    for feeds in (real, [*real[:16], *other]):
        prepared, record = remove(whole.prepared, shares, feeds, seed=0, progress=ignore_progress)
        assert record is not None
        found.append((record.compensated, any("moved the outputs" in n for n in prepared.notes)))
    assert found == [(True, False), (False, True)]


def test_channels_that_are_never_anything_go_first_and_at_no_cost(residual: Case) -> None:
    model = onnx.load(residual.model)
    first = next(node for node in model.graph.node if node.op_type == "Conv")
    dead = [3, 8, 20]
    for tensor in model.graph.initializer:
        if tensor.name in first.input[1:]:
            array = numpy_helper.to_array(tensor).copy()
            array[dead] = 0
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    # Without the sum, whose other part keeps these channels alive.
    add = next(node for node in model.graph.node if node.op_type == "Add")
    rest = [node for node in model.graph.node if node is not add]
    for node in rest:
        node.input[:] = [add.input[0] if name == add.output[0] else name for name in node.input]
    del model.graph.node[:]
    model.graph.node.extend(rest)
    onnx.save(model, residual.model)
    study = study_of(residual, remove={"channels": 0.98})
    assert study.removal is not None
    (group,) = [g for g in study.removal.groups if g.name == first.input[1]]
    assert set(range(24)) - set(group.places) >= {3, 8, 20}


def test_heads_alone_go_where_only_heads_are_asked_for(transformer: Case) -> None:
    study = study_of(transformer, remove={"heads": 0.5})
    assert study.removal is not None
    (group,) = study.removal.groups
    assert (group.kind, group.units, len(group.places)) == ("heads", HEADS, HEADS // 2)
    shapes = {site.shape for site in study.prepared.found.sites}
    assert (WIDTH, HEADS // 2 * SIZE) in shapes
    assert (HEADS // 2 * SIZE, WIDTH) in shapes


def test_nothing_removed_is_said_and_a_missing_kind_beside_another_is_not(
    residual: Case,
) -> None:
    study = study_of(residual, remove={"heads": 0.5})
    assert study.removal is None
    assert any("nothing is removed" in note for note in study.notes)
    both = study_of(residual, remove={"heads": 0.5, "channels": 0.5})
    assert both.removal is not None
    assert not any("removed" in note for note in both.notes)


def test_synthetic_inputs_decide_nothing_and_nothing_is_fitted_to_them(residual: Case) -> None:
    chosen = recipe(residual, remove={"channels": 0.995})
    settings = residual.settings(recipe=chosen, data="synthetic", **QUICK)
    result = run(settings)
    assert any("norms of weights alone" in note for note in result.notes)
    plan = read_plan(residual.out / PLAN_FILE)
    assert plan.calibration is None
    assert plan.removal is not None
    assert not plan.removal.compensated
    again = residual.out / "again.onnx"
    apply(str(residual.model), plan=residual.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (residual.out / "model.onnx").read_bytes()


def test_a_removal_that_was_fitted_to_inputs_needs_them_to_be_applied(residual: Case) -> None:
    run(residual.settings(recipe=recipe(residual, repair=[]), **QUICK))
    again = residual.out / "again.onnx"
    apply(str(residual.model), plan=residual.out / PLAN_FILE, out=again)
    assert again.read_bytes() == (residual.out / "model.onnx").read_bytes()
    with np.load(residual.data) as arrays:
        np.savez(residual.data, x=arrays["x"] + np.float32(1e-3))
    again.unlink()
    with pytest.raises(errors.PlanError, match="calibrated on other inputs"):
        apply(str(residual.model), plan=residual.out / PLAN_FILE, out=again)


def test_a_run_that_would_remove_something_else_is_not_resumed(residual: Case) -> None:
    run(residual.settings(recipe=recipe(residual), **QUICK))
    before = (residual.out / PLAN_FILE).read_bytes()
    resume(residual.out)
    assert (residual.out / PLAN_FILE).read_bytes() == before
    path = residual.out / FINGERPRINT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | {"removal": "another"}))
    with pytest.raises(errors.OutputError, match="the removal changed"):
        resume(residual.out)


@pytest.mark.parametrize(
    ("remove", "said"),
    [
        ({"channels": 0}, r"line \d+: remove.channels: .*greater than 0 \(found 0\)"),
        ({"heads": 1.5}, r"line \d+: remove.heads: .*less than or equal to 1 \(found 1.5\)"),
        ({"layers": 0.5}, r"remove.layers: unknown key; known are channels, heads, compensate"),
    ],
)
def test_a_share_that_makes_no_sense_is_refused_with_its_line(
    residual: Case, remove: dict[str, float], said: str
) -> None:
    with pytest.raises(errors.RecipeError, match=said):
        load_recipe(recipe(residual, remove=remove))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "elsewhere"}, "no 24 channels of 'elsewhere'"),
        ({"units": 25}, "no 25 channels"),
        ({"kept": "30"}, "keeps none of the 24 channels"),
        ({"kept": "0-"}, "removal.groups.0.kept"),
    ],
)
def test_a_plan_that_does_not_fit_the_model_is_refused(
    finished: Case, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    plan = json.loads((finished.out / PLAN_FILE).read_text())
    group = next(g for g in plan["removal"]["groups"] if g["units"] == 24)
    plan["removal"]["groups"] = [group | change]
    path = tmp_path / PLAN_FILE
    path.write_text(json.dumps(plan))
    with pytest.raises(errors.PlanError, match=said):
        apply(str(finished.model), plan=path, out=tmp_path / "again.onnx")


def test_a_plan_without_the_inputs_that_it_was_fitted_to_is_refused(
    finished: Case, tmp_path: Path
) -> None:
    path = tmp_path / PLAN_FILE
    plan = json.loads((finished.out / PLAN_FILE).read_text())
    path.write_text(json.dumps(plan | {"calibration": None}))
    with pytest.raises(errors.PlanError, match="names no inputs"):
        apply(str(finished.model), plan=path, out=tmp_path / "again.onnx")


@pytest.mark.parametrize(
    ("places", "text"), [([0, 1, 2, 5], "0-2,5"), ([7], "7"), ([0, 2, 4, 5], "0,2,4-5")]
)
def test_places_are_written_as_ranges(places: list[int], text: str) -> None:
    assert ranges(places) == text
