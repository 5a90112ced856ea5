"""The prompt: what a model is told of the persona that it plays."""

from __future__ import annotations

from .persona import worded_in
from .sections import without
from .session_spec import SessionSpec


def instructions(spec: SessionSpec) -> str:
    """What the model is told, to the letter: the persona's prose (but for sections that her front matter keeps from
    it), then the language's part, then the runtime's."""
    prose = without(spec.persona.prose, spec.persona.front.not_for_model)
    parts = [prose, spec.language.instructions]
    calls = spec.persona.front.calls
    first = f"You {'called' if calls else 'are called and pick up'}, so you speak first"
    if opening := spec.arc.said(spec.persona.front.opening):
        parts.append(f"{first}. Your opening line is:\n{opening[0]}")
    else:
        parts.append(f"{first}: say {'in a sentence or two why you are calling' if calls else 'who you are'}.")
    meant = ((ending.name, worded_in(ending.means, spec.language.base)) for ending in spec.arc.front.endings)
    outcomes = [f"- {name}{f': {means}' if means else ''}" for name, means in meant]
    parts.append(
        "When the call is over for you, say your last words and, in the same turn, call the tool `end_call`, which"
        " hangs up. Never speak of it." + ("\nIts outcome is one of:\n" + "\n".join(outcomes) if outcomes else "")
    )
    return "\n\n".join(part if part is prose else part.strip() for part in parts if part.strip())
