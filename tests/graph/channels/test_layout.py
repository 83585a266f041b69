import pytest

from zoo_compress.graph.channels.layout import regrouped


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("N", 8, 1, 1), ("N", 8), [((0,), (0,)), ((1,), (1,)), ((2,), ()), ((3,), ())]),
        (("N", "S", 12), ("N", "S", 3, 4), [((0,), (0,)), ((1,), (1,)), ((2,), (2, 3))]),
        (("N", 4, 5), (None, 20), [((0,), (0,)), ((1, 2), (1,))]),
        ((2, 6), (3, 4), [((0, 1), (0, 1))]),
        ((6, "N"), (2, 3, "N"), [((0,), (0, 1)), ((1,), (2,))]),
    ],
)
def test_runs_with_the_same_elements_are_paired(before, after, expected) -> None:
    found = regrouped(before, after)
    assert found is not None
    assert [(tuple(a), tuple(b)) for a, b in found] == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (("N", "S", 4), ("S", "N", 4)),
        (("N", 4, "S"), (4, "N", "S")),
        ((None, None, 4), (None, None, 4)),
        (("N", 4), (4,)),
        (("N", 4), ("N", 2, 3)),
    ],
)
def test_shapes_that_do_not_pair_clearly_are_not(before, after) -> None:
    assert regrouped(before, after) is None
