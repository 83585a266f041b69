import pytest

from zoo_compress.hub.licences import hub_licence, licence_note, publication_obstacle


@pytest.mark.parametrize(
    "licence",
    ["cc-by-nd-4.0", "CC-BY-ND-3.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "CC BY-NC-ND 4.0"],
)
def test_a_licence_without_derivatives_stops_a_public_push(licence):
    reason = publication_obstacle(licence)
    assert licence in reason
    assert "keep the result private" in reason
    assert publication_obstacle("other", licence_name=licence) == publication_obstacle(licence)


@pytest.mark.parametrize(
    "licence",
    ["mit", "apache-2.0", "cc-by-4.0", "cc-by-nc-sa-4.0", "gpl-3.0", "llama3.1", "other", None],
)
def test_other_licences_do_not(licence):
    assert publication_obstacle(licence) is None


def test_a_name_that_says_no_derivatives_counts():
    assert publication_obstacle("other", licence_name="Acme No-Derivatives Licence") is not None
    assert publication_obstacle("other", licence_name="brandy-and-candy") is None


def test_a_gated_original_stops_a_public_push():
    assert "gated" in publication_obstacle("mit", gated=True)
    assert "private repository" in publication_obstacle(None, gated=True)


@pytest.mark.parametrize("licence", ["mit", "Apache-2.0", "bsd-3-clause", "cc-by-nc-4.0"])
def test_a_common_licence_needs_no_note(licence):
    assert licence_note(licence) is None


@pytest.mark.parametrize(
    "licence", ["llama3.1", "gemma", "openrail++", "intel-research", "acme-1"]
)
def test_terms_of_their_own_are_to_be_read(licence):
    assert f"'{licence}'" in licence_note(licence)


def test_another_licence_is_named_by_its_name():
    assert "'acme-terms'" in licence_note("other", licence_name="acme-terms")


@pytest.mark.parametrize("licence", [None, "", "other", "unknown", "Unknown"])
def test_an_original_without_a_licence_gets_a_note(licence):
    assert "does not say" in licence_note(licence)


def test_what_is_stopped_needs_no_note_besides():
    assert licence_note("cc-by-nd-4.0") is None


def test_a_long_name_stays_one_short_line():
    note = licence_note("other", licence_name="a\n" * 500)
    assert "\n" not in note
    assert len(note) < 250


def test_a_licence_is_spelled_as_the_hub_does_or_has_no_name_there():
    assert hub_licence("Apache-2.0") == "apache-2.0"
    assert hub_licence("CC-BY-ND-1.0") is None
