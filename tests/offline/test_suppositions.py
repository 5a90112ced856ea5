"""What a trainee supposes is so, is not, or is not known."""

from __future__ import annotations

import pytest

from runtime.offline.suppositions import figures_in, is_so

KNOWN = [
    "เดือนละ 2,140 บาทครับ",
    "สามเบอร์ครับ",
    "ยี่สิบสามครั้งในสามเดือน",
    "ไฟแดงดวงเดียว ตั้งแต่วันอังคาร",
    "Saturday the fourteenth, at eight",
    "เกินมา 148 ดอลลาร์ 51 เซนต์ค่ะ ราคาครึ่งเดียว",
]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("ร้อยสี่สิบแปดเหรียญห้าสิบเอ็ดเซนต์", ["148", "51"]),
        ("หมื่นแปดพันสี่", ["18400"]),
        ("สองแปดสี่เจ็ด", ["2847"]),
        ("เรียบร้อยแล้ว ห้ามสามารถ", []),
        ("$2,140.50", ["2140", "50"]),
        ("two hundred and ninety-eight, on Fridays", ["298", "fri"]),
        ("the thirty-fifth year", ["35"]),
    ],
)
def test_numbers_are_read_in_digits_and_in_words(text: str, values: list[str]) -> None:
    """In Thai and English; one is none, as it mostly means a thing and no count."""
    assert [one.value.removesuffix("day") for one in figures_in(text)] == values


@pytest.mark.parametrize(
    ("supposed", "so"),
    [
        ("จ่ายเดือนละสองพันหนึ่งร้อยสี่สิบใช่ไหมคะ", True),
        ("จ่ายเดือนละสามพันใช่ไหมคะ", False),
        ("โทรมาสามครั้งใช่ไหมคะ", False),
        ("เกินไป 148.51 ดอลลาร์ใช่ไหมคะ", True),
        ("เกินไป 148.99 ดอลลาร์ใช่ไหมคะ", False),
        ("ไฟเหลืองใช่ไหมครับ", False),
        ("ตั้งแต่วันพุธใช่ไหม", False),
        ("ไฟดวงเดียวใช่ไหมครับ", True),
        ("ตั้งแต่วันอังคารใช่ไหม", True),
        ("It was the 14th, right?", True),
        ("So that's Sunday, yes?", False),
        ("คุณเป็นหมอใช่ไหมครับ", None),
    ],
)
def test_a_figure_that_nobody_has_named_is_wrong(supposed: str, so: bool | None) -> None:
    """By what it is a figure of, where that is said; what has none is so if its words were said, else not known."""
    assert is_so(supposed, KNOWN) is so
