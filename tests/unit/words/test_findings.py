"""The doctor's findings have words, and a node's own text does no harm in them."""

import ast
from pathlib import Path

import pytest

import armchair
from armchair.words.findings import FINDINGS, HOW, finding


def test_every_finding_of_the_doctor_has_words() -> None:
    tree = ast.parse((Path(armchair.__file__).parent / "doctor.py").read_text())
    codes = {
        word.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
        for word in node.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant)
    }
    assert len(codes) > 15
    assert codes - FINDINGS.keys() == set()


@pytest.mark.parametrize("code", FINDINGS)
def test_what_is_not_well_has_a_cure(code: str) -> None:
    for ok in (True, False):
        sentence, cure = finding(code, {"problem": "p", "why": "timeout"}, ok=ok)
        assert sentence
        assert bool(cure) is not ok


def test_how_a_connection_failed_is_said() -> None:
    sentence, _ = finding("portal", {"address": "a:1", "why": "timeout"}, ok=False)
    assert sentence == "Node → portal: a:1 gives no answer, as behind a firewall."
    sentence, _ = finding("sockets", {"why": "owner", "problem": "It is ann's, with mode 1777."}, ok=False)
    assert sentence.endswith("in the place of people's displays. It is ann's, with mode 1777.")
    connections, directory = {"name", "timeout", "refused", "tls", "silent"}, {"missing", "unusable", "owner", "mode"}
    assert set(HOW) == connections | directory


def test_a_nodes_words_reach_no_terminal() -> None:
    sentence, _ = finding("python", {"node": "n\x1b[31m", "python": "3\n%(x)s"}, ok=True)
    assert sentence == "n [31m has Python 3 %(x)s."
