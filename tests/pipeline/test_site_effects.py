import pytest

from zoo_compress.core import Option, Reader, Site
from zoo_compress.pipeline.site_effects import shown_options, site_kind


def options(count: int) -> tuple[Option, ...]:
    return tuple(
        Option(technique="codes", settings={"bits": 8 - i}, stored_bytes=100 - i)
        for i in range(count)
    )


@pytest.mark.parametrize(
    ("count", "shown"), [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (7, [0, 3, 6])]
)
def test_the_mildest_the_middle_and_the_most_aggressive_option_are_shown(
    count: int, shown: list[int]
) -> None:
    every = options(count)
    assert shown_options(every) == tuple(every[index] for index in shown)


@pytest.mark.parametrize(
    ("operators", "shape", "kind"),
    [
        (["Conv"], (32, 3, 3, 3), "Conv 3×3"),
        (["Conv", "Conv"], (32, 16, 1, 1), "Conv 1×1"),
        (["Conv"], (32, 1, 5, 5), "Conv depthwise"),
        (["Conv"], (8, 4, 7), "Conv 7"),
        (["Gemm"], (10, 20), "Gemm"),
        (["MatMul", "Gather"], (10, 20), "Gather + MatMul"),
        ([], (10, 20), "unread"),
    ],
)
def test_a_weight_is_named_by_what_reads_it(
    operators: list[str], shape: tuple[int, ...], kind: str
) -> None:
    readers = tuple(
        Reader(node=f"n{i}", op_type=op, input_index=1) for i, op in enumerate(operators)
    )
    site = Site(name="w", shape=shape, dtype="float32", channel_axis=0, readers=readers)
    assert site_kind(site) == kind
