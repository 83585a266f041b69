import numpy as np
import pytest

from tests.pipeline.conftest import Case
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import DiagnoseSettings
from zoo_compress.pipeline.plan_effects import measure_plans, random_plans
from zoo_compress.pipeline.pool import pool_of
from zoo_compress.pipeline.study import Study, build_study


@pytest.fixture
def study(case: Case) -> Study:
    settings = DiagnoseSettings(source=str(case.model), data=str(case.data))
    return build_study(settings.run_settings(), ignore_progress)


def test_random_plans_spread_over_all_sizes(study: Study) -> None:
    space = study.sized.space
    plans = random_plans(space, count=200, rng=np.random.default_rng(0))
    sizes = np.array([space.stored_bytes(space.theta(plan)) for plan in plans])
    smallest = space.stored_bytes(space.smallest)
    largest = space.separable_bytes(space.largest)
    assert smallest <= sizes.min()
    assert sizes.max() <= largest
    # A small model cannot come close to every size: it has one large weight or has it not.
    places = np.log(sizes / smallest) / np.log(largest / smallest)
    assert (np.histogram(places, bins=3, range=(0, 0.75))[0] >= 40).all()


def test_the_same_generator_draws_the_same_plans(study: Study) -> None:
    first, second = (
        random_plans(study.sized.space, count=5, rng=np.random.default_rng(4)) for _ in range(2)
    )
    assert first == second


def test_each_plan_is_measured_on_every_input(study: Study) -> None:
    told: list[str] = []
    effects = measure_plans(
        pool_of(study),
        study.sized.space,
        count=6,
        rng=np.random.default_rng(0),
        report=told.append,
    )
    kept = len(effects.stored_bytes)
    assert kept + effects.left_out == len(told) == 6
    assert effects.distances.shape == (kept, 120)
    assert np.isfinite(effects.distances).all()
    assert (np.ptp(effects.distances, axis=1) > 0).all()
    assert effects.wrong is not None
    assert effects.wrong.shape == (kept, 120)
