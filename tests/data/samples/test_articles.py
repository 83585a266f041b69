import pytest

from zoo_compress.data.samples.articles import (
    CLASSES,
    PACKAGE,
    Article,
    draw_articles,
    opening,
    read_articles,
)
from zoo_compress.data.samples.packaged import is_installed

needs_corpus = pytest.mark.skipif(
    not is_installed(PACKAGE), reason=f"needs {PACKAGE}, of the samples extra"
)


@needs_corpus
def test_every_text_is_read_once():
    articles = read_articles()
    assert len({article.name for article in articles}) == len(articles)
    assert len({article.body for article in articles}) == len(articles)
    assert 2000 < len(articles) < 2225
    assert all(article.body for article in articles)


@needs_corpus
def test_a_draw_takes_as_many_of_each_class_and_depends_on_the_seed():
    drawn = draw_articles(each=7, seed=1)
    assert [article.topic for article in drawn] == [topic for topic in CLASSES for _ in range(7)]
    assert drawn == draw_articles(each=7, seed=1)
    assert drawn != draw_articles(each=7, seed=2)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("One two three four. Five six. Seven.", "One two three four."),
        ("One two. Three four five. Six.", "One two. Three four five."),
        ("One two.", "One two."),
        ('He said "no." Then he left town.', 'He said "no." Then he left town.'),
        ('"No one left." So he said.', '"No one left." So he said.'),
        ('"No one has left." So he said.', '"No one has left."'),
        ("It rose 1.5 percent today. Then it fell.", "It rose 1.5 percent today."),
    ],
)
def test_the_opening_is_one_sentence_or_two_when_the_first_is_short(body, expected):
    assert opening(Article("a", "tech", body), shortest=4) == expected
