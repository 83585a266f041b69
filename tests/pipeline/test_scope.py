from zoo_compress.core import Inputs
from zoo_compress.pipeline.scope import scope_line
from zoo_compress.runtime.environment import execution


def inputs(groups: list[str], *, synthetic: bool = False) -> Inputs:
    return Inputs(
        feeds=[{}] * len(groups),
        groups=groups,
        names=[str(index) for index in range(len(groups))],
        description="9 crops of 4 photographs",
        synthetic=synthetic,
    )


def test_the_scope_names_data_count_reference_and_execution() -> None:
    assert scope_line(inputs(["a", "b", "c"]), kept_from_search=True) == (
        "3 inputs that the search did not see, out of 9 crops of 4 photographs, taken as "
        f"independent draws; relative to the original, not to labels; {execution()}"
    )


def test_inputs_that_share_a_source_are_counted_by_source_too() -> None:
    text = scope_line(inputs(["a", "a", "b"]), kept_from_search=True)
    assert text.startswith("3 inputs from 2 sources that the search did not see, out of 9 crops")


def test_inputs_of_unknown_history_are_said_to_be_so() -> None:
    text = scope_line(inputs(["a", "b"]), kept_from_search=False)
    assert "that the search did not see" not in text
    assert (
        "taken as independent draws (whether calibration or search saw them is not known);" in text
    )


def test_synthetic_inputs_come_first() -> None:
    text = scope_line(inputs(["a", "b"], synthetic=True), kept_from_search=True)
    assert text.startswith("synthetic inputs only, not real ones: 2 inputs")
