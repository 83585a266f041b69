from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_compress.errors import BudgetError
from zoo_compress.search.budget import Budget


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.125", Budget("size", 0.125)),
        ("size=0.125", Budget("size", 0.125)),
        ("1", Budget("size", 1.0)),
        (".5", Budget("size", 0.5)),
        ("1e-3", Budget("size", 0.001)),
        ("bytes=1", Budget("bytes", 1)),
        ("bytes=5000", Budget("bytes", 5000)),
        ("bytes=12B", Budget("bytes", 12)),
        ("bytes=5MB", Budget("bytes", 5_000_000)),
        ("bytes=5 mb", Budget("bytes", 5_000_000)),
        ("bytes=1.5KiB", Budget("bytes", 1536)),
        ("bytes=0.25MiB", Budget("bytes", 262_144)),
        ("bytes=2kb", Budget("bytes", 2000)),
        ("bytes=1.2GB", Budget("bytes", 1_200_000_000)),
        ("bytes=1GiB", Budget("bytes", 2**30)),
        ("bytes=7.9", Budget("bytes", 7)),
        ("latency=0.5", Budget("latency", 0.5)),
    ],
)
def test_accepted_forms(text, expected):
    assert Budget.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tiny",
        "5MB",
        "0,125",
        "speed=0.5",
        "latency=",
        "size=",
        "=0.125",
        "size=size=0.5",
        "12.5%",
    ],
)
def test_a_form_that_is_none_is_refused_with_those_that_are(text):
    with pytest.raises(BudgetError, match=r"expected a share .* 0\.125 .* bytes=5MB"):
        Budget.parse(text)


@pytest.mark.parametrize("text", ["0", "-0.5", "1.0001", "size=2", "nan", "inf", "-inf"])
def test_a_share_out_of_range_is_refused(text):
    with pytest.raises(BudgetError, match=f"'{text}': a share must be above 0 and at most 1"):
        Budget.parse(text)


@pytest.mark.parametrize("text", ["latency=0", "latency=1", "latency=5", "latency=nan"])
def test_a_latency_that_asks_for_nothing_or_the_impossible_is_refused(text):
    with pytest.raises(BudgetError, match=f"'{text}': a latency is a share of the original's"):
        Budget.parse(text)


def test_a_latency_limits_no_size_and_is_written_as_it_is_read():
    budget = Budget.parse("latency=0.5")
    assert not budget.limits_size
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["bytes=", "bytes=MB", "bytes=5TB", "bytes=-5", "bytes=1e6"])
def test_a_malformed_number_of_bytes_is_refused_with_the_units(text):
    with pytest.raises(BudgetError, match="expected bytes=NUMBER and a unit B, KB, MB, GB, KiB"):
        Budget.parse(text)


@pytest.mark.parametrize("text", ["bytes=0", "bytes=0.9B", "bytes=" + "9" * 400])
def test_a_number_of_bytes_out_of_range_is_refused(text):
    with pytest.raises(BudgetError, match="must be at least 1 byte"):
        Budget.parse(text)


def test_the_exit_code_of_a_refused_budget_is_the_documented_one():
    with pytest.raises(BudgetError) as raised:
        Budget.parse("2")
    assert raised.value.exit_code == 8


@pytest.mark.parametrize(
    ("text", "original", "expected"),
    [
        ("0.125", 1000, 125),
        ("0.125", 1001, 125),
        ("1", 1000, 1000),
        ("1e-4", 1000, 0),
        ("bytes=1KB", 1000, 1000),
        ("bytes=1KB", 5000, 1000),
        ("0.0029", 10_000, 29),  # 0.0029 * 10000 is 28.999... in floating point
        ("0.57", 100, 57),
    ],
)
def test_the_limit_in_bytes(text, original, expected):
    limit = Budget.parse(text).limit_bytes(original)
    assert limit == expected
    assert type(limit) is int


def test_a_limit_above_the_original_is_refused_with_both_sizes():
    with pytest.raises(BudgetError, match="budget of 1001 bytes is above the original's 1000"):
        Budget.parse("bytes=1001").limit_bytes(1000)


@given(share=st.floats(0, 1, exclude_min=True))
def test_a_share_survives_its_text(share):
    budget = Budget("size", share)
    assert Budget.parse(str(budget)) == budget


@given(text=st.from_regex(r"bytes=[1-9][0-9]{0,8}(\.[0-9]{1,3})?(B|KB|MiB|gb)?", fullmatch=True))
def test_a_number_of_bytes_survives_its_text(text):
    budget = Budget.parse(text)
    assert Budget.parse(str(budget)) == budget


def test_the_text_is_what_a_user_would_type():
    assert str(Budget.parse("0.125")) == "size=0.125"
    assert str(Budget.parse("bytes=1.5KB")) == "bytes=1500"
