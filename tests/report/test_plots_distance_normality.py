import numpy as np
import pytest
from scipy.stats import norm

from zoo_compress.report.plots.distance_normality import draw_distance_normality
from zoo_compress.stats.normality import Normality, normality_of_means


@pytest.fixture(scope="module")
def found() -> list[Normality]:
    rng = np.random.default_rng(0)
    distances = rng.gamma(1, size=(4, 200))
    return [normality_of_means(distances, n=n, repetitions=60, rng=rng) for n in (5, 50)]


def test_each_number_of_inputs_has_a_column_with_its_figures(found: list[Normality]) -> None:
    figure = draw_distance_normality(found, title="a model")
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert len(figure.axes) == 4
    for title, row in zip(titles, found, strict=False):
        assert f"n = {row.n}\n" in title
        assert f"skewness {row.skewness:.2f}" in title
        assert f"coverage {100 * row.coverage:.0f} %" in title


def test_the_lower_panels_hold_every_estimate_against_its_normal_quantile(
    found: list[Normality],
) -> None:
    figure = draw_distance_normality(found, title="a model")
    for panel, row in zip(figure.axes[2:], found, strict=True):
        x, y = panel.lines[-1].get_data()
        np.testing.assert_array_equal(y, row.standardised)
        np.testing.assert_allclose(norm.cdf(x), (np.arange(60) + 0.5) / 60)


def test_an_estimate_beyond_the_density_panel_is_counted_in_its_last_bin() -> None:
    far = np.append(np.zeros(19), 9.0) + np.linspace(0, 0.1, 20)
    row = Normality(n=5, standardised=far, skewness=4.0, p_value=0.0, coverage=0.5)
    panel = draw_distance_normality([row], title="a model").axes[0]
    area = sum(bar.get_height() * bar.get_width() for bar in panel.patches)  # type: ignore[attr-defined]
    assert area == pytest.approx(1)


def test_columns_compare_since_they_share_their_vertical_range(found: list[Normality]) -> None:
    panels = draw_distance_normality(found, title="a model").axes
    assert panels[0].get_ylim() == panels[1].get_ylim()
    assert panels[2].get_ylim() == panels[3].get_ylim()
