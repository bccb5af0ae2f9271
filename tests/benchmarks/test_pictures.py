"""Pictures are SVG that shows what it is given, and pages keep what people wrote."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.charts import flat_picture, speed_picture
from benchmarks.flat import Flatness
from benchmarks.pages import replaced
from benchmarks.picture import Bar, Line, bars, lines
from benchmarks.results import Figures, Results, Row
from benchmarks.workload import Shown

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(picture).iter(f"{SVG}text")]


def widths(picture: str) -> list[float]:
    return [float(node.get("width", 0)) for node in ET.fromstring(picture).iter(f"{SVG}rect")]


def test_a_longer_bar_is_a_larger_value() -> None:
    picture = bars("Title", ["a"], [Bar("small", [2.0], ["2×"]), Bar("large", [20.0], ["20×"], 8.0)])
    _, small, large = widths(picture)
    assert small < large
    assert {"Title", "small", "large", "2×", "20×"} <= set(texts(picture))


def test_a_missing_value_has_no_bar_but_its_text() -> None:
    picture = bars("Title", ["a"], [Bar("x", [None], ["failed"])])
    assert len(widths(picture)) == 1
    assert "failed" in texts(picture)


def test_what_a_label_holds_is_no_markup() -> None:
    assert "<b>&" in texts(bars("T", ["a"], [Bar("<b>&", [1.0], ["1"])]))


def test_lines_rise_to_the_right_and_have_a_legend() -> None:
    picture = lines(
        "Title", "x", "y", [Line("one", [(10.0, 1.0), (1000.0, 10.0)]), Line("two", [(10.0, 1.0)])]
    )
    first = next(ET.fromstring(picture).iter(f"{SVG}polyline")).get("points", "").split()
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in first)
    assert x1 < x2
    assert y1 > y2
    assert {"one", "two"} <= set(texts(picture))


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to draw"):
        lines("Title", "x", "y", [])


def test_the_picture_of_speed_is_of_ratios_if_there_is_somebody_to_compare_with() -> None:
    row = Row(
        "submit", "submits", Shown.RATE, 4.0, "", {"ours": Figures(per_s=900), "theirs": Figures(per_s=100)}
    )
    assert "9.0×" in texts(speed_picture(Results(["ours"], ["theirs"], [row], {})))
    assert "900" in texts(speed_picture(Results(["ours"], [], [row], {})))


def test_the_picture_of_flatness_is_in_multiples_of_the_smallest() -> None:
    picture = flat_picture([Flatness("files", "addfile", {100: 2.0, 1000: 4.0}, 0)])
    assert {"files", "1,000"} <= set(texts(picture))


def test_a_section_of_a_page_is_replaced_and_the_rest_stays() -> None:
    page = "Words.\n\n<!-- a: begin -->\n\nold\n\n<!-- a: end -->\n\nMore words.\n"
    once = replaced(page, "a", "new\n")
    assert once == "Words.\n\n<!-- a: begin -->\n\nnew\n\n<!-- a: end -->\n\nMore words.\n"
    assert replaced(once, "a", "new") == once


@pytest.mark.parametrize(
    "page", ["", "<!-- a: begin -->", "<!-- a: end --><!-- a: begin -->", "<!-- b: begin --><!-- b: end -->"]
)
def test_a_page_without_the_section_is_an_error(page: str) -> None:
    with pytest.raises(ValueError, match="has no section a"):
        replaced(page, "a", "new")
