"""The language of the reviewed phrases."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import WHOLE_RULES, written_rules
from kqa.rules import load_rules


@pytest.mark.parametrize(
    ("text", "fires"),
    [
        ("lost at sea", True),
        ("LOST AT THE OPEN OCEAN", True),
        ("lost at last", False),
        ("SOS", True),
        ("adrft for 12 nights", True),
        ("days adrift", False),
        ("Mayday", True),
        ("Mayday Parade", False),
        ("a film. save me", True),
        ("helpless me", True),
    ],
)
def test_the_phrase_language(tmp_path: Path, text: str, fires: bool) -> None:
    rules = load_rules(written_rules(tmp_path, WHOLE_RULES))
    assert (rules.fired(text) is not None) is fires
