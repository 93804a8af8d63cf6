"""The page is written from results alone, says what they say, and keeps what people wrote."""

from pathlib import Path

import pytest
from study.page import write_page

from region_perception.errors import InvalidInput

GOLDEN = Path(__file__).with_name("results.md")


def test_the_page_of_known_results(results, tmp_path) -> None:
    write_page(tmp_path / "docs" / "results.md", results)
    assert (tmp_path / "docs" / "results.md").read_text(encoding="utf-8") == GOLDEN.read_text(encoding="utf-8")


def test_what_was_written_by_hand_stays(results, tmp_path) -> None:
    page = tmp_path / "results.md"
    write_page(page, results)
    mark = "<!-- by hand: losses -->\n"
    page.write_text(page.read_text().replace(mark, f"{mark}Boxes help.\n\nReally.\n").replace("94.0", "99.9"))
    changed = {name: result for name, result in results.items() if name != "variant-pafe-alone-1"}
    write_page(page, changed)
    text = page.read_text()
    assert f"{mark}Boxes help.\n\nReally.\n<!-- end -->" in text
    assert "99.9" not in text
    assert "PaFE alone" not in text


def test_a_section_with_words_stays_where_its_results_are_gone(results, tmp_path) -> None:
    page = tmp_path / "results.md"
    write_page(page, results)
    page.write_text(page.read_text().replace("<!-- by hand: losses -->\n", "<!-- by hand: losses -->\nBoxes help.\n"))
    write_page(page, {"plan": results["plan"]})
    text = page.read_text()
    assert "## Each loss" in text
    assert "Not measured yet." in text
    assert "Boxes help." in text


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda text: "# My results\n", "not written by this command"),
        (lambda text: text.replace("by hand: losses", "by hand: loses"), "loses"),
        (lambda text: text.replace("<!-- end -->", "", 1), "<!-- end -->"),
    ],
)
def test_a_page_that_would_lose_words_is_refused(results, tmp_path, change, named) -> None:
    page = tmp_path / "results.md"
    write_page(page, results)
    page.write_text(change(page.read_text()))
    before = page.read_text()
    with pytest.raises(InvalidInput, match=named):
        write_page(page, results)
    assert page.read_text() == before
