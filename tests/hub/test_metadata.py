import json

import pytest

from zoo_compress.hub.metadata import licence_in, read_metadata

CARD = """---
license: other
license_name: my-terms
license_link: LICENSE
language: [en, no]
pipeline_tag: image-classification
tags:
- vision
released: 2024-02-29
versions: {1: true, 2.5: "no"}
model-index:
- name: net
  results:
  - task: {type: x}

library_name: transformers
---
# Net
"""


def metadata_of(text, folder):
    (folder / "README.md").write_bytes(text.encode(errors="surrogatepass"))
    found = read_metadata(folder)
    json.dumps(found, allow_nan=False)
    return found


def front(yaml, folder):
    return metadata_of(f"---\n{yaml}\n---\n", folder)


def test_the_front_matter_becomes_plain_values_without_results(tmp_path):
    assert metadata_of(CARD, tmp_path) == {
        "license": "other",
        "license_name": "my-terms",
        "license_link": "LICENSE",
        "language": ["en", "no"],
        "pipeline_tag": "image-classification",
        "tags": ["vision"],
        "released": "2024-02-29",
        "versions": {"1": True, "2.5": "no"},
        "library_name": "transformers",
    }


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: apache-2.0\ntags: [a]\n---\n# Net\n", "apache-2.0"),
        ("---\r\nlicense: mit\r\n---\r\n", "mit"),
        ("\ufeff---\nlicense: mit\n---\n", "mit"),
        ("---\ntags: [a]\n---\n", None),
        ("---\nlicense: [mit, gpl]\n---\n", None),
        ("---\n: : :\n---\n", None),
        ("---\n- a\n---\n", None),
        ("# Net\n\n---\nlicense: mit\n---\n", None),
        ("---\nlicense: mit\n", None),
        ("", None),
    ],
)
def test_the_licence_comes_from_the_front_matter(readme, licence, tmp_path):
    assert licence_in(metadata_of(readme, tmp_path)) == licence


def test_no_card_is_no_metadata(tmp_path):
    assert read_metadata(tmp_path) == {}
    (tmp_path / "README.md").mkdir()
    assert read_metadata(tmp_path) == {}


def test_what_json_does_not_hold_is_left_out(tmp_path):
    strange = "a: .nan\nb: !!binary aGk=\nc: [1, .inf, 2]\nd: ~\ne: 99999999999999999999"
    assert front(f"{strange}\nf: !!set {{x}}", tmp_path) == {"c": [1, 2], "f": ["x"]}


GROWING = list(zip("abcdefghi", "bcdefghij", strict=True))
ALIASES = "".join(f"{name}: &{name} [{','.join(['*' + of] * 9)}]\n" for of, name in GROWING)
MERGES = "".join(f"{name}: &{name} {{<<: [{','.join(['*' + of] * 9)}]}}\n" for of, name in GROWING)


@pytest.mark.parametrize(
    "poison",
    [
        "a: &a [x, x, x]\n" + ALIASES,
        "a: &a {x: 1}\n" + MERGES,
        "a: &a [*a]",
        "a: &a {b: *a}",
        "a: !!python/object/apply:os.system [id]",
        "a: " + "[" * 1000,
        "a: " + "[" * 30 + "]" * 30,
        "a: " + "9" * 5000,
        "a: 2024-99-99",
        "? [a]\n: 1",
        "? {a: b}\n: 1",
        "tags:\n" + "- x\n" * 5001,
        "a: |\n" + "  long\n" * 20000,
        "a: \x00",
        "a: \ud800",
    ],
)
def test_poison_is_no_metadata(poison, tmp_path):
    found = front(poison, tmp_path)
    assert found == {} or found == {"a": "\ufffd\ufffd\ufffd"}


def test_long_results_do_not_hide_the_licence(tmp_path):
    results = "- name: net\n" + "  # one of many\n" * 50000
    assert front(f"model-index:\n{results}license: mit", tmp_path) == {"license": "mit"}
