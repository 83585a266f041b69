import json
from dataclasses import replace

import pytest
from rich.console import Console

from zoo_compress.cli import inspection
from zoo_compress.core import Declined, Option, Reader, Site
from zoo_compress.pipeline import GroupReport, Inspection, SiteReport


def site(name: str, shape: tuple[int, ...], op_type: str) -> Site:
    reader = Reader(node=f"{name}_node", op_type=op_type, input_index=1)
    return Site(name=name, shape=shape, dtype="float32", channel_axis=0, readers=(reader, reader))


def codes(bits: int, stored_bytes: int) -> Option:
    return Option(technique="codes", settings={"bits": bits}, stored_bytes=stored_bytes)


def declined(name: str, elements: int, reason: str) -> Declined:
    return Declined(name=name, shape=(elements,), stored_bytes=4 * elements, reason=reason)


@pytest.fixture
def found() -> Inspection:
    return Inspection(
        source="model.onnx",
        original_bytes=40_000,
        decoded_bytes=40_000,
        sites=[
            SiteReport(site=site("small[0]", (10, 100), "Conv"), options=[codes(8, 1_100)]),
            SiteReport(
                site=site("big", (80, 100), "Gemm"), options=[codes(8, 8_200), codes(2, 2_300)]
            ),
        ],
        declined=[
            Declined(name=f"b{i}", shape=(4,), stored_bytes=16, reason="too small")
            for i in range(6)
        ]
        + [Declined(name="loop", shape=(100,), stored_bytes=400, reason="in a Loop body")],
        groups=[
            GroupReport(name="big", kind="heads", units=4, stored_bytes=900, reason=None),
            GroupReport(name="out", kind="channels", units=9, stored_bytes=90, reason="an output"),
        ],
        smallest_ratio=0.0875,
        simplified=True,
        notes=("onnxslim changed the outputs",),
    )


def shown(found: Inspection, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    inspection.show(found)
    captured = capsys.readouterr()
    return captured.out.splitlines(), captured.err


def test_the_largest_weight_comes_first_with_its_share_and_range(
    found: Inspection, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, _ = shown(found, capsys)
    rows = [line for line in lines if " codes " in line]
    assert rows[0].split()[:5] == ["big", "Gemm", "80×100", "32.0", "kB"]
    assert "80 %" in rows[0]
    assert "codes 2.30 kB to 8.20 kB (2)" in rows[0]
    assert rows[1].split()[0] == "small[0]"
    assert "codes 1.10 kB (1)" in rows[1]


def test_the_smallest_budget_is_told(
    found: Inspection, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " ".join(shown(found, capsys)[0])
    assert "2 weights hold 36.0 kB of 40.0 kB; simplified first." in text
    assert "Smallest that this recipe reaches: 3.50 kB, a budget of 0.0875." in text


def test_shares_of_a_compressed_model_are_of_its_decoded_bytes(
    found: Inspection, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = replace(found, original_bytes=10_000, smallest_ratio=0.35)
    lines, _ = shown(packed, capsys)
    assert "80 %" in next(line for line in lines if line.split()[:1] == ["big"])
    text = " ".join(lines)
    assert "hold 36.0 kB of 40.0 kB; simplified first; the file has 10.0 kB. " in text
    assert "reaches: 3.50 kB, a budget of 0.3500." in text


def test_what_was_declined_is_gathered_by_reason(
    found: Inspection, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, errors = shown(found, capsys)
    rows = lines[lines.index(next(line for line in lines if "Left as they are" in line)) :]
    assert any(row.split()[:1] == ["loop"] and "in a Loop body" in row for row in rows)
    assert any("b0, b1, b2, b3 and 2 more" in row and "96 B" in row for row in rows)
    assert errors == "warning: onnxslim changed the outputs\n"


def test_the_document_holds_every_option_in_graph_order(found: Inspection) -> None:
    document = json.loads(json.dumps(inspection.as_document(found)))
    assert [entry["name"] for entry in document["sites"]] == ["small[0]", "big"]
    assert document["sites"][1]["share"] == 0.8
    assert [option["stored_bytes"] for option in document["sites"][1]["options"]] == [8_200, 2_300]
    assert len(document["declined"]) == 7
    assert document["declined"][0]["reason"] == "too small"


def test_a_wide_table_fits_a_narrow_terminal(found: Inspection) -> None:
    console = Console(width=70)
    with console.capture() as capture:
        console.print(inspection.site_table(found))
    assert max(map(len, capture.get().splitlines())) <= 70


def test_what_could_be_removed_is_told_with_the_reason_where_not(
    found: Inspection, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, _ = shown(found, capsys)
    rows = lines[next(i for i, line in enumerate(lines) if "Channels and heads" in line) :]
    assert any(row.split() == ["big", "4", "heads", "yes"] for row in rows)
    assert any(row.split() == ["out", "9", "channels", "no:", "an", "output"] for row in rows)
    (first, _) = inspection.as_document(found)["groups"]
    assert (first["name"], first["units"], first["reason"]) == ("big", 4, None)
