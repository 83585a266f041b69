from __future__ import annotations

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import opening
from zoo_compress.pipeline.opening import opening_note
from zoo_compress.pipeline.study import build_study
from zoo_compress.registry import load_plugin

CODES, NBITS = (load_plugin("techniques", name)({}) for name in ("codes", "matmul-nbits"))


@pytest.fixture
def ten_gigabytes(monkeypatch):
    monkeypatch.setattr(opening, "memory_bytes", lambda: 10**10)


def test_a_model_whose_weights_cannot_be_decoded_here_is_pointed_out(ten_gigabytes):
    (note,) = opening_note(4 * 10**9, {"codes": CODES, "matmul-nbits": NBITS})
    assert "can take 12.0 GB of memory and more, and this machine has 10.0 GB" in note
    assert "'matmul-nbits' stay packed" in note


def test_nothing_is_said_where_there_is_memory_or_nothing_is_decoded(ten_gigabytes):
    assert opening_note(2 * 10**9, {"codes": CODES}) == ()
    assert opening_note(4 * 10**9, {"matmul-nbits": NBITS}) == ()


def test_a_run_says_so_before_it_searches(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not any(
        "decoded weights" in n for n in build_study(case.settings(), ignore_progress).notes
    )
    monkeypatch.setattr(opening, "memory_bytes", lambda: 1)
    notes = build_study(case.settings(), ignore_progress).notes
    assert any(note.startswith("opening a file of decoded weights can take") for note in notes)
