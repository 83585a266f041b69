from __future__ import annotations

import numpy as np
import pytest

from zoo_compress.stats.distances.class_output import ClassOutput

LOGITS = np.log(np.array([[1.0, 2.0, 5.0]])) + 7
PROBABILITIES = np.array([[0.125, 0.25, 0.625]])


def test_logits_go_through_a_softmax():
    classes = ClassOutput([(LOGITS,)])
    assert not classes.holds_probabilities
    np.testing.assert_allclose(classes.probabilities((LOGITS,)), PROBABILITIES)
    np.testing.assert_allclose(classes.logarithms((LOGITS,)), np.log(PROBABILITIES))


def test_probabilities_are_taken_as_they_are():
    classes = ClassOutput([(PROBABILITIES,)])
    assert classes.holds_probabilities
    np.testing.assert_array_equal(classes.probabilities((PROBABILITIES,)), PROBABILITIES)
    np.testing.assert_array_equal(classes.logarithms((PROBABILITIES,)), np.log(PROBABILITIES))


@pytest.mark.parametrize(("total", "expected"), [(0.9995, True), (1.0005, True), (1.002, False)])
def test_probabilities_may_miss_a_sum_of_one_by_a_thousandth(total, expected):
    assert ClassOutput([(PROBABILITIES * total,)]).holds_probabilities == expected


def test_a_negative_value_makes_logits():
    assert not ClassOutput([(np.array([[1.1, -0.1]]),)]).holds_probabilities


def test_one_reference_sample_of_logits_makes_all_of_them_logits():
    assert not ClassOutput([(PROBABILITIES,), (LOGITS,)]).holds_probabilities


def test_what_the_references_hold_decides_for_the_other_model():
    classes = ClassOutput([(PROBABILITIES,)])
    found = classes.probabilities((np.array([[-0.1, 0.3, 0.9]]),))
    np.testing.assert_allclose(found, [[0.0, 0.25, 0.75]])


def test_a_probability_of_zero_counts_as_the_smallest_normal_number():
    classes = ClassOutput([(np.array([[1.0, 0.0]], np.float32),)])
    logs = classes.logarithms((np.array([[1.0, 0.0]], np.float32),))
    np.testing.assert_allclose(logs, [[0.0, np.log(np.finfo(np.float32).tiny)]])


def test_huge_logits_do_not_overflow():
    logits = (np.array([[1e30, -1e30, 0.0]], np.float32),)
    classes = ClassOutput([logits])
    np.testing.assert_array_equal(classes.probabilities(logits), [[1.0, 0.0, 0.0]])
    assert np.isfinite(classes.logarithms(logits)).all()


def test_the_first_output_with_two_classes_is_read():
    score = np.array([[0.5]])
    classes = ClassOutput([(score, LOGITS, np.zeros((1, 9)))])
    assert classes.probabilities((score, LOGITS, np.zeros((1, 9)))).shape == (1, 3)


def test_the_classes_of_a_map_are_its_channels():
    maps = np.moveaxis(np.tile(LOGITS[0], (1, 4, 5, 1)), -1, 1)
    found = ClassOutput([(maps,)]).probabilities((maps,))
    np.testing.assert_allclose(found, np.tile(PROBABILITIES, (20, 1)))


def test_each_position_of_a_sequence_has_its_own_probabilities():
    sequence = np.stack([LOGITS, LOGITS[:, ::-1]], axis=1)
    found = ClassOutput([(sequence,)]).probabilities((sequence,))
    np.testing.assert_allclose(found, [PROBABILITIES[0], PROBABILITIES[0, ::-1]])


@pytest.mark.parametrize("shape", [(1, 1), (1, 4, 1), (1, 1, 8, 8), ()])
def test_an_output_without_classes_is_refused(shape):
    with pytest.raises(ValueError, match=r"no output has two or more classes \(shapes \("):
        ClassOutput([(np.zeros(shape),)])
