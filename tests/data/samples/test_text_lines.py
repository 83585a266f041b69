import numpy as np
import pytest
from PIL import Image

from zoo_compress.data.samples.articles import Article
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.data.samples.text_lines import fit_height, page_lines, rendered_lines

ARTICLE = Article("tech/1.txt", "tech", "the quick brown fox jumps over the lazy dog again")


@pytest.mark.skipif(
    not is_installed("scikit-image"), reason="needs scikit-image, of the samples extra"
)
def test_the_page_is_cut_into_its_six_whole_lines():
    lines = list(page_lines())
    assert sorted({line.source for line in lines}) == [f"page/{number}" for number in range(6)]
    assert len({line.name for line in lines}) == len(lines)
    assert all(line.image.width * 48 <= 330 * line.image.height for line in lines)


@pytest.mark.parametrize(
    ("size", "shape"),
    [((100, 24), (48, 192)), ((5, 24), (48, 32)), ((900, 24), (48, 320)), ((59, 16), (48, 192))],
)
def test_lines_are_48_high_and_a_multiple_of_32_wide(size, shape):
    assert fit_height(Image.new("L", size)).shape == shape


def test_rendered_lines_say_words_of_the_article_and_fit_without_being_squeezed():
    articles = [Article(f"a{n}", "tech", ARTICLE.body) for n in range(40)]
    lines = list(rendered_lines(articles, seed=0))
    assert all(line.text in ARTICLE.body for line in lines)
    assert all(line.image.width * 48 <= 320 * line.image.height for line in lines)
    assert len({line.image.height for line in lines}) == 5


def test_rendered_lines_are_darker_than_their_paper_and_reproducible():
    first, second = (next(rendered_lines([ARTICLE], seed=3)).image for _ in range(2))
    pixels = np.asarray(first)
    assert np.array_equal(pixels, second)
    assert pixels.min() < 100
    assert pixels[0, 0] >= 180
