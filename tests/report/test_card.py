import re
import subprocess
import sys

import onnx
import pytest
import yaml
from markdown_it import MarkdownIt
from onnx import TensorProto, helper

from tests.report.conftest import CERTIFICATE, RUN, SCOPE, SHA
from zoo_compress.hub.card_data import front_matter, licence_link
from zoo_compress.report.card import PICTURES, render_card
from zoo_compress.report.record import card_record


def card(run=RUN, *, pictures=PICTURES, **origin) -> str:
    """Return the card of a run whose original is changed by `origin`."""
    told = {**run, "origin": {**run["origin"], **origin}}
    return render_card(
        card_record(told),
        front_matter=front_matter(told),
        licence_link=licence_link(told["origin"]),
        pictures=pictures,
    )


def local(**changes) -> dict:
    origin = {**RUN["origin"], "repo_id": None, "revision": None, "file": None, "licence": None}
    return {**RUN, "origin": {**origin, "metadata": {}}, **changes}


def metadata(text: str) -> dict:
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


def test_size_and_distance_are_readable():
    rows = tables(card())[0]
    assert rows[1] == ["size", "18.6 MB", "2.33 MB (12.5 %)"]
    assert rows[4] == ["mean squared distance between the outputs", "0", "319 ± 12.3"]
    assert rows[5][1:] == ["0", "0.199"]
    assert rows[6][2] == "7 %, certified at most 9 %"


def test_a_bound_is_never_rounded_down():
    sharp = {**CERTIFICATE, "bound": 0.076642}
    told = card({**RUN, "certificates": [sharp]})
    assert "certified at most 7.67 %" in told


@pytest.mark.parametrize(
    ("name", "words"),
    [("cosine", "mean cosine distance"), ("kl", "Kullback-Leibler"), ("mine", "distance (mine)")],
)
def test_a_distance_is_called_by_its_name(name, words):
    rows = tables(card({**RUN, "distance_name": name}))[0]
    assert words in rows[4][0]
    assert "relative" not in rows[5][0]


def test_a_relative_distance_that_does_not_exist_is_called_undefined():
    assert tables(card({**RUN, "relative_distance": None}))[0][5][2].startswith("undefined")


def test_times_to_run_and_to_load_stand_beside_those_of_the_original():
    text = card()
    rows = tables(text)[0]
    assert rows[2] == ["median time for one input", "24.3 ms", "44.6 ms"]
    assert rows[3] == ["time to load", "0.101 s", "0.312 s"]
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


def test_a_card_says_what_memory_opening_takes_if_that_is_known():
    opening = "Opening it took up to 1.31 GB of memory for a moment."
    assert opening in card(RUN | {"gate": {"opening_bytes": 1_310_000_000}})
    assert "Opening it took" not in card()


def test_the_certificate_is_quoted_with_its_scope_once_and_its_silence():
    text = card()
    assert "> With 95 % confidence it differs on at most 9 % of inputs" in text
    assert text.count(SCOPE) == 1
    assert "computed on 450 inputs that neither calibration nor search saw" in text
    assert "What it does not say" in text
    assert "about accuracy" not in text


def test_a_scope_that_the_statement_leaves_out_is_added():
    certificate = {**CERTIFICATE, "statement": "It differs on at most 9 % of inputs."}
    assert f"Scope: {SCOPE}" in card({**RUN, "certificate": certificate})


def test_a_distance_certificate_disclaims_accuracy():
    certificate = {**CERTIFICATE, "kind": "distance-quantile"}
    assert "anything about accuracy" in card({**RUN, "certificate": certificate})


def test_a_run_without_a_certificate_says_so():
    assert "None: no inputs were left to certify on" in card({**RUN, "certificate": None})


def test_every_weight_is_listed_in_a_folded_table():
    text = card()
    rows = tables(text)[1]
    assert rows[1] == [
        "conv.weight",
        "32×3×3×3",
        "3.46\N{NO-BREAK SPACE}kB",
        "432\N{NO-BREAK SPACE}B",
        "12.5\N{NO-BREAK SPACE}%",
        "codes bits=4 granularity=channel",
    ]
    assert rows[2][-1] == "unchanged"
    assert text.index("<details>") < text.index("| `conv.weight`") < text.index("</details>")


HOSTILE = (
    "a|b`c</details>\n| evil | row |\n# evil <script>alert(1)</script> {{ 7 * 7 }} {% raw %} *x*"
)


def test_hostile_text_stays_inert():
    certificate = {**CERTIFICATE, "scope": HOSTILE, "statement": HOSTILE[::-1]}
    told = {
        **RUN,
        "certificate": certificate,
        "certificates": [certificate],
        "sites": [{**RUN["sites"][0], "name": HOSTILE, "option": f"codes {HOSTILE}"}],
        "original_file": f"{HOSTILE}.onnx",
        "inputs": [{"name": f"{HOSTILE}\n```", "shape": [1], "dtype": "float32"}],
        **dict.fromkeys(("data", "strategy", "recipe", "budget"), HOSTILE),
        **{key: [HOSTILE] for key in ("techniques", "operators")},
        "versions": {HOSTILE: HOSTILE},
        "hardware": {HOSTILE: HOSTILE},
    }
    evil = {
        "license": HOSTILE,
        "license_name": HOSTILE,
        "license_link": HOSTILE,
        "tags": [HOSTILE],
    }
    for origin in ({"file": f"```\n{HOSTILE}"}, {"repo_id": None}, {"revision": HOSTILE}):
        text = card(told, licence=HOSTILE, metadata=evil, **origin)
        body = text.split("\n---\n", 1)[1]
        tokens = MarkdownIt("commonmark").enable("table").parse(body)
        assert all(len(row) == 6 for row in tables(text)[1])
        assert {token.content.strip() for token in tokens if token.type == "html_block"} <= TAGS
        inline = [child for token in tokens for child in token.children or ()]
        assert not [child for child in inline if child.type in ("html_inline", "em")]
        # The title and the six sections of every card.
        assert sum(token.type == "heading_open" for token in tokens) == 7
        assert "49" not in re.findall(r"\w+", body)
        assert metadata(text)["license"] == "other"


TAGS = {
    "<details>\n<summary>How each weight is stored (1 weights)</summary>",
    "<details>\n<summary>How it was made</summary>",
    "</details>",
}


def test_how_it_was_made_states_seed_hardware_and_versions():
    rows = {row[0]: row[1] for row in tables(card())[2]}
    assert rows["original"] == f"me/net@{SHA}:onnx/model.onnx"
    assert rows["revision"] == SHA
    assert rows["strategy"] == "gp, seed 7, 300 evaluations"
    assert rows["time"] == "123 s, of which 40 s scan"
    assert rows["cpu"] == "Some CPU"
    assert rows["memory"] == "8.00 GB"
    assert rows["onnxruntime"] == "1.32.0 (cpu)"
    assert "gpu" not in rows


@pytest.mark.parametrize(
    ("run", "source"),
    [
        (RUN, f"me/net@{SHA}:onnx/model.onnx"),
        (local(source="sample:net"), "sample:net"),
        (
            local(source="/home/me/my net.onnx", original_file="my net.onnx"),
            "'original/my net.onnx'",
        ),
        (local(source="/home/me/folder"), "original/model.onnx"),
    ],
)
def test_the_commands_lead_to_the_same_original(run, source):
    text = card(run)
    assert f"zoo-compress apply {source} --plan plan.json --out again.onnx\n" in text
    assert f"zoo-compress certify {source} model.onnx --data my-inputs/\n" in text
    asked = "--budget 0.125 --data 'my photographs' --recipe recipe.yaml --strategy gp --trials 60"
    assert f"zoo-compress run {source} {asked} --task classification " in text
    assert "/home/me" not in text


def test_a_point_of_a_frontier_was_asked_for_by_no_run():
    text = card({**RUN, "request": None})
    assert "zoo-compress apply" in text
    assert "zoo-compress run" not in text


def test_the_original_is_named_with_its_commit_and_its_licence():
    text = card(metadata={"license": "other", "license_name": "acme", "license_link": "LICENSE"})
    assert f"[me/net](<https://huggingface.co/me/net/tree/{SHA}>) at commit `{SHA}`" in text
    assert f"`acme` ([text](<https://huggingface.co/me/net/blob/{SHA}/LICENSE>))" in text
    assert "does not say which" in card(local(source="sample:net"))


def test_pictures_are_shown_with_what_they_show_if_they_are_there():
    text = card()
    assert "](card-frontier.png)" in text
    alt = re.search(r"!\[(.*?)\]\(card-weights.png\)", text)
    assert alt is not None
    assert "2 weights" in alt[1]
    assert "3.78 kB become 752 B" in alt[1]
    assert "![" not in card(pictures=())


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
    onnx.save(
        helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "model.onnx"
    )
    inputs = [
        {"name": "i'ds", "shape": ["N", "L"], "dtype": "int64"},
        {"name": "x", "shape": ["N", "L"], "dtype": "float32"},
    ]
    text = card({**RUN, "inputs": inputs})
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
    assert "before that: 5 of 40 channels and 1 of 12 attention heads; the weights" in text
    plain = card(RUN | {"removal": {"counts": counts, "compensated": False}})
    assert "made up for it" not in plain
    assert "**Removed**" not in card(RUN)


def test_a_card_says_what_was_repaired_and_what_the_file_needs():
    told = card()
    assert "made up for by bias-correction, error-feedback on 100 inputs" in told
    assert "standard ONNX operators only" in told
    assert "takes the memory of the original" in told
    even = card(RUN | {"repair": {"kinds": ["equalisation"], "inputs": 0}})
    assert "made up for by equalisation\n" in even
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
    local = RUN | {"source": "/far/away/net", "original_file": "net"}
    unknown = {"repo_id": None, "revision": None, "file": None}
    told = card(local, **unknown, exported="the original was exported")
    assert "\nThe original was exported.\n" in told
    assert "# net, compressed to" in told
    assert "zoo-compress apply original/net --plan" in told
    assert "far/away" not in told
    assert "was exported" not in card()
