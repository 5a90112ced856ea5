"""Templates of pages that are one file each: every text in them is escaped, and they run no script but their own."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..spec.writing_system import THAI_TEXT
from .texts import minutes

if TYPE_CHECKING:
    from jinja2 import Environment, Template

HERE = Path(__file__).parent


@cache
def load_template() -> tuple[Template, dict[str, str]]:
    """The report's template, and what is the same in every report. Takes a tenth of a second, once."""
    style, script = ((HERE / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    # The page may load its own audio and nothing else; style and script are these two, by their hash.
    policy = (
        f"default-src 'none'; style-src {csp_hash(style)}; script-src {csp_hash(script)}; media-src 'self' file:;"
        " base-uri 'none'; form-action 'none'"
    )
    return html_templates(HERE).get_template("report.html.jinja"), {
        "style": Markup(style),
        "script": Markup(script),
        "policy": policy,
    }


def html_templates(folder: Path) -> Environment:
    """Templates of pages, in which every text is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # which a worker has no use for before its calls

    environment = Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, finalize=without_controls
    )
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"minutes": minutes, "lang": lang}
    return environment


def without_controls(value: object) -> object:
    """A text without the control characters that no page may hold; line breaks stay, and whatever is no text."""
    return _CONTROLS.sub("", value) if type(value) is str else value


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def csp_hash(text: str) -> str:
    """How a page's own policy names an inline style or script, which is then the only one."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def lang(text: str) -> str:
    """The language that a text is in, for line breaks and for voices that read it aloud."""
    return "th" if THAI_TEXT.search(text) else "en"
