from __future__ import annotations

import pytest

from kqa.progress import progress_bar


def test_each_total_has_a_bar_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress_bar("texts")
    for done, total in ((1, 2), (2, 2), (1, 3), (3, 3)):
        show(done, total)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "/2 " in shown.err
    assert "/3 " in shown.err


def test_a_new_total_ends_the_bar_before(capsys: pytest.CaptureFixture[str]) -> None:
    show = progress_bar("texts")
    for done, total in ((1, 2), (1, 3), (3, 3)):
        show(done, total)
    assert "\n" not in capsys.readouterr().err, "the next bar takes its place, and does not stand below it"


def test_nothing_to_do_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    progress_bar("texts")
    assert capsys.readouterr() == ("", "")
