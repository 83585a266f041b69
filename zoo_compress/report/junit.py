"""Write the outcome of checks as JUnit XML, which CI systems show beside other tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree

# XML 1.0 has no way to write the other control characters, nor lone surrogates.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True)
class JUnitCase:
    """One check.

    Attributes:
        name: What was checked.
        outcome: `failure` if it did not hold, `error` if it could not be made.
        message: What was found.
    """

    name: str
    outcome: Literal["passed", "failure", "error"]
    message: str = ""


def junit_xml(suite: str, cases: Sequence[JUnitCase], *, seconds: float) -> str:
    """Return a JUnit document of one suite.

    Args:
        suite: Its name.
        cases: The checks, in order.
        seconds: How long they took together.
    """
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome == "failure" for case in cases)),
        "errors": str(sum(case.outcome == "error" for case in cases)),
        "time": f"{seconds:.3f}",
    }
    root = ElementTree.Element("testsuites", counts)
    element = ElementTree.SubElement(root, "testsuite", {"name": _written(suite), **counts})
    for case in cases:
        _add(element, case, suite)
    ElementTree.indent(root)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, "unicode") + "\n"
    )


def _add(parent: ElementTree.Element, case: JUnitCase, suite: str) -> None:
    attributes = {"name": _written(case.name), "classname": _written(suite)}
    element = ElementTree.SubElement(parent, "testcase", attributes)
    text = _written(case.message)
    if case.outcome == "passed":
        ElementTree.SubElement(element, "system-out").text = text
    else:
        ElementTree.SubElement(element, case.outcome, {"message": text})


def _written(text: str) -> str:
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)
