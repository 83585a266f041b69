from xml.etree import ElementTree

from zoo_compress.report.junit import JUnitCase, junit_xml

CASES = (
    JUnitCase(name="size", outcome="passed", message="5 bytes"),
    JUnitCase(name="speed", outcome="failure", message="1.5 > 1"),
    JUnitCase(name="rest", outcome="error", message="no file"),
)


def test_a_document_counts_and_lists_the_cases():
    root = ElementTree.fromstring(junit_xml("verify", CASES, seconds=1.5))
    (suite,) = root
    assert root.tag == "testsuites"
    for element in (root, suite):
        assert (element.get("tests"), element.get("failures"), element.get("errors")) == (
            "3",
            "1",
            "1",
        )
        assert element.get("time") == "1.500"
    assert [case.get("name") for case in suite] == ["size", "speed", "rest"]
    assert [child.tag for case in suite for child in case] == ["system-out", "failure", "error"]
    assert suite[1][0].get("message") == "1.5 > 1"


def test_markup_and_control_characters_in_names_do_no_harm():
    hostile = JUnitCase(name='</testcase>&"\x00\x1b[31m', outcome="failure", message="\ud800<b>")
    root = ElementTree.fromstring(junit_xml("<suite>\x07", [hostile], seconds=0))
    case = root[0][0]
    assert case.get("name") == '</testcase>&"��[31m'
    assert case[0].get("message") == "�<b>"
    assert root[0].get("name") == "<suite>�"
