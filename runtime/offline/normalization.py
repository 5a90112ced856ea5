"""Written text → what a voice is given to say: codes and telephone numbers sign by sign, money by its name."""

from __future__ import annotations

import re

_CODE = re.compile(r"\b(?!\d+[A-Z]{1,2}\b)(?=[A-Z0-9-]*[A-Z])(?=(?:[A-Z-]*\d){3})[A-Z0-9]+(?:-[A-Z0-9]+)*\b")
"""Capitals and three digits or more: CUST-2847, but neither 128GB nor COVID-19."""
_GROUPS = re.compile(r"(?<![\w.,-])\+?\(?\+?\d{1,4}\)?(?:[ .-]\(?\d{1,4}\)?){1,5}(?![\w/-]|[.,]\d)")
_DIGITS = 9
"""Of groups of digits, a telephone's or a card's number has so many at least; a date has eight."""
_RUN = re.compile(r"(?<![\w.,$฿€£-])(?:\d{3}[-.]\d{4}|\d{7,}|0\d{2,})(?![\w-]|[.,]\d)")
_NUMBERED = re.compile(
    r"((?:number|code|account|case|pin|end(?:s|ing) in|หมายเลข|เลขที่|รหัส)(?: is| was| number)? ?#?)"
    r"(\d{4,6})(?![\w-]|[.,]\d)",
    re.IGNORECASE,
)
"""A number that names something, and is not counted."""

_MONEY = re.compile(
    r"([$£€฿])(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d\d))?(?![\d.,]*\d)(?! ?(?:[kKmMbB]|hundred|thousand|million|billion)\b)"
)
_UNITS = {
    "en": {
        "$": ("dollar", "dollars", "cent", "cents"),
        "£": ("pound", "pounds", "penny", "pence"),
        "€": ("euro", "euros", "cent", "cents"),
        "฿": ("baht", "baht", "satang", "satang"),
    },
    "th": {
        "$": ("ดอลลาร์",) * 2 + ("เซนต์",) * 2,
        "£": ("ปอนด์",) * 2 + ("เพนนี",) * 2,
        "€": ("ยูโร",) * 2 + ("เซนต์",) * 2,
        "฿": ("บาท",) * 2 + ("สตางค์",) * 2,
    },
}
"""Language → sign → one and several of the whole, one and several of its hundredths."""
_AND = {"en": " and ", "th": " "}


def normalized(text: str, language: str) -> str:
    """The text as a person would read it out; money only in the languages whose names of it are known."""
    text = _CODE.sub(lambda found: _spelled(found[0]), text)
    text = _GROUPS.sub(
        lambda found: _spelled(found[0]) if sum(map(str.isdigit, found[0])) >= _DIGITS else found[0], text
    )
    text = _RUN.sub(lambda found: _spelled(found[0]), text)
    text = _NUMBERED.sub(lambda found: found[1] + _spelled(found[2]), text)
    if units := _UNITS.get(language):
        text = _MONEY.sub(lambda found: _amount(found[2], found[3] or "", units[found[1]], _AND[language]), text)
    return text


def _spelled(code: str) -> str:
    """Each letter and digit by itself, with a pause between groups: "C U S T, 2 8 4 7"."""
    groups = re.findall(r"[A-Z]+|\d+", code)
    plus = "plus " if "+" in code else ""
    # A letter A alone would be read as the article.
    return plus + ", ".join(" ".join("A." if sign == "A" else sign for sign in group) for group in groups)


def _amount(whole: str, hundredths: str, units: tuple[str, ...], also: str) -> str:
    said = []
    count = int(whole.replace(",", ""))
    if count or not int(hundredths or 0):
        said.append(f"{whole} {units[0 if count == 1 else 1]}")
    if int(hundredths or 0):
        said.append(f"{int(hundredths)} {units[2 if int(hundredths) == 1 else 3]}")
    return also.join(said)
