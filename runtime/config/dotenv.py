"""`.env`: secrets and addresses, one `NAME=value` a line."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import SpecError

_LINE = re.compile(r"""\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(?:"([^"]*)"|'([^']*)'|(.*?))\s*(?:\s#.*)?$""")


def load_dotenv(file: Path) -> None:
    """Sets what the file says in the environment, where it is not set yet. No file is no mistake.

    Raises:
        SpecError: a line that is neither `NAME=value`, blank nor a comment; its content is not repeated.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot read this file: {error}", file=file) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if not found:
            raise SpecError("not understood: a line is NAME=value", file=file, line=number)
        value = next((group for group in found.groups()[1:] if group is not None), "")
        if value:
            os.environ.setdefault(found[1], value)
