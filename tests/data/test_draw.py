from zoo_compress.data.draw import describe_draw, draw


def test_everything_is_taken_in_order_when_it_is_not_too_much():
    assert draw(4, count=4, seed=3) == [0, 1, 2, 3]


def test_a_draw_is_distinct_and_the_same_for_the_same_seed():
    first = draw(100, count=10, seed=3)
    assert first == draw(100, count=10, seed=3)
    assert first != draw(100, count=10, seed=4)
    assert len(set(first)) == 10
    assert set(first) <= set(range(100))


def test_a_smaller_draw_is_the_beginning_of_a_larger_one():
    assert draw(100, count=20, seed=3)[:10] == draw(100, count=10, seed=3)


def test_the_description_of_a_draw_names_the_whole_and_the_seed():
    assert describe_draw(5, 5, what="images", seed=1) == "5 images"
    assert describe_draw(2, 5, what="images", seed=1) == "2 of 5 images, drawn with seed 1"
