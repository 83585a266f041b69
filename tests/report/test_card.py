import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import yaml
from markdown_it import MarkdownIt
from onnx import TensorProto, helper

from zoo_compress.core import Artifact, TensorSpec
from zoo_compress.report.card import render_card

SHA = "0123456789abcdef0123456789abcdef01234567"
SCOPE = "450 photographs; CPU provider; ONNX Runtime 1.32"
INPUTS = [TensorSpec(name="x", shape=("N", 3), dtype="float32")]

RUN = {
    "source": "me/net",
    "revision": SHA,
    "seed": 7,
    "removal": None,
    "repair": {"kinds": ["bias-correction", "error-feedback"], "inputs": 100},
    "folded": True,
    "techniques": ["codes"],
    "operators": [],
    "budget": "0.125",
    "original_bytes": 18_600_000,
    "compressed_bytes": 2_325_000,
    "size_ratio": 0.125,
    "distance": 318.64,
    "distance_standard_error": 12.345,
    "relative_distance": 0.19876,
    "search_inputs": 50,
    "certificate": {
        "kind": "top1-disagreement",
        "bound": 0.09,
        "confidence": 0.95,
        "n": 450,
        "observed": 0.07,
        "scope": SCOPE,
        "statement": f"With 95 % confidence it differs on at most 9 % of inputs; scope: {SCOPE}.",
    },
    "latency": {
        "original_ms": 24.31,
        "compressed_ms": 44.62,
        "ratio": 1.8349,
        "quartiles": [1.79, 1.8812],
        "pairs": 61,
        "original_load_seconds": 0.1012,
        "compressed_load_seconds": 0.312,
        "threads": 2,
        "provider": "CPUExecutionProvider",
        "verdict": "slower",
    },
    "evaluations": 300,
    "seconds": {"total": 123.4, "scan": 40.0, "forward": 60.0, "encode": 9.0, "propose": 5.0},
    "strategy": "gp",
    "plan_path": "plan.json",
    "model_path": "model.onnx",
    "versions": {"onnx": "1.23.2", "onnxruntime": "1.32.0 (cpu)"},
    "hardware": {"cpu": "Some CPU", "cores": 2, "memory_bytes": 8_000_000_000, "gpu": None},
}

SITES = [
    {
        "name": "conv.weight",
        "shape": [32, 3, 3, 3],
        "original_bytes": 3456,
        "stored_bytes": 432,
        "option": "codes bits=4 granularity=channel",
    },
    {
        "name": "fc.weight",
        "shape": [10, 8],
        "original_bytes": 320,
        "stored_bytes": 320,
        "option": None,
    },
]


def artifact(**fields) -> Artifact:
    known = {"source": "me/net", "repo_id": "me/net", "revision": SHA, "licence": "mit"}
    return Artifact(**{"model_path": Path("/far/away/onnx/model.onnx"), **known, **fields})


def card(run=RUN, *, sites=SITES, **fields) -> str:
    return render_card(run, artifact=artifact(**fields), sites=sites, inputs=INPUTS)


def front_matter(text: str) -> dict:
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    assert match is not None
    return yaml.safe_load(match[1])


def block(text: str, language: str) -> str:
    match = re.search(rf"```{language}\n(.*?)\n```", text, re.DOTALL)
    assert match is not None
    return match[1]


def tables(text: str) -> list[list[list[str]]]:
    """Return the cells of every table, as shown."""
    found: list[list[list[str]]] = []
    body = text.split("\n---\n", 1)[1]
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            found[-1].append([])
        elif token.type == "inline" and token.level == 4:
            shown = "".join(child.content for child in token.children or ())
            found[-1][-1].append(shown)
    return found


def test_the_front_matter_names_the_original_and_inherits_its_licence():
    assert front_matter(card()) == {
        "base_model": "me/net",
        "base_model_relation": "quantized",
        "library_name": "onnx",
        "license": "mit",
        "tags": ["onnx", "zoo-compress"],
    }


def test_a_licence_is_spelled_as_the_hub_does():
    assert front_matter(card(licence="Apache-2.0"))["license"] == "apache-2.0"


def test_what_is_unknown_is_left_out_of_the_front_matter():
    local = card(source="m.onnx", repo_id=None, revision=None, licence=None)
    assert set(front_matter(local)) == {"library_name", "tags"}


def test_a_licence_with_yaml_in_it_stays_one_string():
    hostile = "mit\n---\ntags: [evil]: *x"
    assert front_matter(card(licence=hostile))["license"] == hostile


def test_size_and_distance_are_readable():
    rows = tables(card())[0]
    assert rows[1] == ["size", "18.6 MB", "2.33 MB (12.5 %)"]
    assert rows[2][1:] == ["0", "319 ± 12.3"]
    assert rows[3][1:] == ["0", "0.199"]


def test_a_relative_distance_that_does_not_exist_is_called_undefined():
    assert tables(card({**RUN, "relative_distance": None}))[0][3][2].startswith("undefined")


def test_times_to_run_and_to_load_stand_beside_those_of_the_original():
    text = card()
    rows = tables(text)[0]
    assert rows[4] == ["median time for one input", "24.3 ms", "44.6 ms"]
    assert rows[5] == ["time to load", "0.101 s", "0.312 s"]
    assert "61 pairs of runs side by side, one input at a time" in text
    assert "with CPUExecutionProvider and 2 threads, without spinning" in text
    assert "middle half is 1.79 to 1.88" in text


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("slower", "**It is slower than the original: it takes 1.83 times as long.**"),
        ("faster", "It is faster than the original: it takes 1.83 of its time."),
        ("alike", "It is as fast as the original: the ratio of their times is 1.83."),
        ("unclear", "Which of the two is faster could not be told"),
    ],
)
def test_a_card_says_whether_the_model_is_slower(verdict, words):
    assert words in card({**RUN, "latency": {**RUN["latency"], "verdict": verdict}})


def test_the_certificate_is_quoted_with_its_scope_once_and_its_silence():
    text = card()
    assert "> With 95 % confidence it differs on at most 9 % of inputs" in text
    assert text.count(SCOPE) == 1
    assert "computed on 450 inputs that neither calibration nor search saw" in text
    assert "What it does not say" in text
    assert "about accuracy" not in text


def test_a_scope_that_the_statement_leaves_out_is_added():
    certificate = {**RUN["certificate"], "statement": "It differs on at most 9 % of inputs."}
    assert f"Scope: {SCOPE}" in card({**RUN, "certificate": certificate})


def test_a_distance_certificate_disclaims_accuracy():
    certificate = {**RUN["certificate"], "kind": "distance-quantile"}
    assert "anything about accuracy" in card({**RUN, "certificate": certificate})


def test_a_run_without_a_certificate_says_so():
    assert "None: no inputs were left to certify on" in card({**RUN, "certificate": None})


def test_every_weight_is_listed_in_a_folded_table():
    text = card()
    rows = tables(text)[1]
    assert rows[1] == [
        "conv.weight",
        "32 × 3 × 3 × 3",
        "3.46 kB",
        "432 B",
        "12.5 %",
        "codes bits=4 granularity=channel",
    ]
    assert rows[2][-1] == "unchanged"
    assert text.index("<details>") < text.index("conv.weight") < text.index("</details>")


def test_hostile_names_stay_in_their_cells():
    name = "a|b`c</details>\n| evil | row |"
    scope = "photos <script>alert(1)</script> | *x* \n# evil"
    certificate = {**RUN["certificate"], "scope": scope}
    text = card(
        {**RUN, "certificate": certificate, "strategy": "g|p"},
        sites=[{**SITES[0], "name": name, "option": "codes | a=<b>"}],
    )
    rows = tables(text)[1]
    assert rows[1][0] == "a|b`c</details> | evil | row |"
    assert rows[1][-1] == "codes | a=<b>"
    assert all(len(row) == 6 for row in rows)
    assert "\n# evil" not in text
    assert "<script>" not in text


def test_how_it_was_made_states_seed_hardware_and_versions():
    rows = {row[0]: row[1] for row in tables(card())[2]}
    assert rows["original"] == f"me/net@{SHA}"
    assert rows["revision"] == SHA
    assert rows["strategy"] == "gp, seed 7, 300 evaluations"
    assert rows["time"] == "123 s, of which 40 s scan"
    assert rows["cpu"] == "Some CPU"
    assert rows["onnxruntime"] == "1.32.0 (cpu)"
    assert "gpu" not in rows


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, f"me/net@{SHA}"),
        ({"source": "me/net@main:onnx/m.onnx"}, f"me/net@{SHA}:onnx/m.onnx"),
        ({"source": "sample:net", "repo_id": None}, "sample:net"),
        ({"source": "/home/me/my net.onnx", "repo_id": None}, "model.onnx"),
    ],
)
def test_the_command_that_makes_it_again_leads_to_the_same_original(fields, source):
    text = card(**fields)
    assert block(text, "sh") == (f"zoo-compress apply {source} --plan plan.json --out again.onnx")
    assert "/home/me" not in text
    assert "/far/away" not in text


def test_the_code_runs_as_it_stands(tmp_path):
    pytest.importorskip("onnxruntime")
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["i'ds"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("Sum", ["f", "x"], ["y"]),
        ],
        "g",
        [
            helper.make_tensor_value_info("i'ds", TensorProto.INT64, ["N", "L"]),
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", "L"]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "L"])],
    )
    opsets = [helper.make_opsetid("", 18)]
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    text = render_card(RUN, artifact=artifact(model_path=path), sites=SITES)
    result = subprocess.run(
        [sys.executable, "-c", block(text, "python")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout == "[(1, 16)]\n"


def test_a_card_says_what_was_removed_from_the_graph():
    counts = {"channels": {"removed": 5, "of": 40}, "heads": {"removed": 1, "of": 12}}
    text = card(RUN | {"removal": {"counts": counts, "compensated": True}})
    assert "Before that, 5 of 40 channels and 1 of 12 attention heads were removed" in text
    assert "the weights that read them made up for it" in text
    plain = card(RUN | {"removal": {"counts": counts, "compensated": False}})
    assert "made up for it; the shapes" not in plain
    assert "removed from the graph" not in card(RUN)


def test_a_card_says_what_was_repaired_and_what_the_file_needs():
    told = card()
    assert "made up for (bias-correction, error-feedback) with 100 inputs" in told
    assert "standard ONNX operators only" in told
    assert "takes the memory of the original" in told
    even = card(RUN | {"repair": {"kinds": ["equalisation"], "inputs": 0}})
    assert "made up for (equalisation)." in even
    assert "plan file of this run, the same" in even
    plain = card(RUN | {"repair": None})
    assert "made up for" not in plain
    assert "plan file of this run, the same" in plain


def test_a_card_points_to_the_times_of_a_model_that_computes_in_another_way():
    changed = {
        "folded": False,
        "techniques": ["codes", "matmul-nbits"],
        "operators": ["com.microsoft.MatMulNBits"],
    }
    told = card(RUN | changed)
    assert "takes the memory of the original" not in told
    assert "(codes, matmul-nbits)" in told
    assert "was not measured" not in told
    assert "standard ONNX operators and com.microsoft.MatMulNBits of ONNX Runtime" in told


def test_an_original_that_was_exported_is_told_with_its_folder_and_no_path():
    told = card(
        source="/far/away/net", repo_id=None, revision=None, exported="the original was exported"
    )
    assert "\nThe original was exported.\n" in told
    assert "# net, compressed to" in told
    assert "zoo-compress apply net --plan" in told
    assert "far/away" not in told
    assert "was exported" not in card()
