from dataclasses import replace

import numpy as np
import pytest

from tests.pipeline.conftest import Case
from zoo_compress.core import Plan, ignore_progress
from zoo_compress.pipeline import DiagnoseSettings
from zoo_compress.pipeline.pool import class_scores, pool_of
from zoo_compress.pipeline.study import Study, build_study


@pytest.fixture
def study(case: Case) -> Study:
    settings = DiagnoseSettings(source=str(case.model), data=str(case.data))
    return build_study(settings.run_settings(), ignore_progress)


def aggressive(study: Study) -> Plan:
    """The last option of every site."""
    return study.sized.space.plan(study.sized.space.levels - 1)


def test_the_pool_holds_the_inputs_of_both_sides_of_the_split(study: Study) -> None:
    assert len(pool_of(study)) == len(study.inputs) == 120


def test_the_original_is_at_no_distance_from_itself_and_never_disagrees(study: Study) -> None:
    distances, wrong = pool_of(study).measure(Plan(), range(5))
    assert distances.tolist() == [0] * 5
    assert wrong is not None
    assert wrong.tolist() == [False] * 5


def test_distances_are_those_of_the_inputs_asked_for(study: Study) -> None:
    pool, plan = pool_of(study), aggressive(study)
    every, wrong = pool.measure(plan, range(20))
    some, _ = pool.measure(plan, [7, 3])
    np.testing.assert_array_equal(some, every[[7, 3]])
    assert wrong is not None
    assert wrong.any()
    assert pool.original_error(range(20)) is None


def test_with_labels_a_wrong_answer_is_one_that_differs_from_the_label(study: Study) -> None:
    unlabelled = pool_of(study)
    answers = [int(class_scores(sample).argmax()) for sample in unlabelled.candidates.reference]
    labels = [answer if i % 4 else answer + 1 for i, answer in enumerate(answers)]
    pool = pool_of(replace(study, inputs=replace(study.inputs, labels=labels)))
    assert pool.error_kind == "top-1 error"
    assert pool.original_error(range(20)) == 5 / 20
    wrong = pool.measure(Plan(), range(20))[1]
    assert wrong is not None
    assert wrong.tolist() == [i % 4 == 0 for i in range(20)]


def test_labels_of_a_model_that_is_no_classifier_are_not_used(study: Study) -> None:
    labelled = replace(study.inputs, labels=[0] * len(study.inputs))
    pool = pool_of(replace(study, inputs=labelled, task="other"))
    assert pool.error_kind is None
    assert pool.measure(Plan(), range(3))[1] is None


def test_an_output_without_classes_has_no_scores() -> None:
    scores = np.zeros((1, 3), np.float32)
    assert class_scores((np.zeros((1, 3), int), np.zeros((1, 1)), scores)) is scores
    with pytest.raises(ValueError, match="two classes"):
        class_scores((np.zeros((1, 1)),))
