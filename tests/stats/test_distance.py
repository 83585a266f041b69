from __future__ import annotations

import numpy as np

from zoo_compress.stats.distance import OutputDistance
from zoo_compress.stats.distances.squared_l2 import SquaredL2


def test_an_output_distance_is_the_squared_l2_distance_with_a_variance():
    rng = np.random.default_rng(0)
    reference, outputs = ([(rng.standard_normal((1, 6)),) for _ in range(8)] for _ in range(2))
    former, distance = OutputDistance(reference), SquaredL2(reference)
    np.testing.assert_array_equal(former(outputs, range(8)), distance(outputs, range(8)))
    assert former.variance == distance.scale == former.scale
