"""Templates of pages that are one file each: every text in them is escaped, and they run no script but their own."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from .texts import clock

HERE = Path(__file__).parent
_THAI = re.compile("[\u0e00-\u0e7f]")


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
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters |= {"clock": clock, "lang": lang}
    return environment


def csp_hash(text: str) -> str:
    """How a page's own policy names an inline style or script, which is then the only one."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def lang(text: str) -> str:
    """The language that a text is in, for line breaks and for voices that read it aloud."""
    return "th" if _THAI.search(text) else "en"
