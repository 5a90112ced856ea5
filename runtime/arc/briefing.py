"""What a model is told of its persona: the prompt, where the call stands, and that it cannot hang up yet."""

from __future__ import annotations

from dataclasses import replace

from ..spec.persona import Arc, Ending, worded_in
from ..spec.sections import without
from ..spec.session_spec import SessionSpec
from .machine import ArcState, Lack, comes_about, kept_back, lack, start


def live_arc(spec: SessionSpec) -> Arc:
    """The arc by which code decides: only with the endings of the persona's own file. Others the model chooses from."""
    if spec.persona.front.endings:
        return spec.arc
    return replace(spec.arc, front=replace(spec.arc.front, endings=()))


def is_briefed(spec: SessionSpec) -> bool:
    """Whether a model is told where the call stands: not of a persona whose file has no arc."""
    front = spec.persona.front
    return bool(front.cues or front.phases or front.endings)


def briefing(arc: Arc, state: ArcState) -> str:
    """Where the call stands, for the model that writes the persona's next line: mood, phase, what the trainee has done,
    and what each ending still waits for."""
    phase = f", phase: {worded_in(state.phase.name, arc.language)}" if state.phase else ""
    lines = [f"[Where the call stands, for you alone] Your mood is {state.mood} of 100 ({state.emotion.value}){phase}."]
    known = arc.front.cues  # an edit may have taken away one that was met
    done = [_means(arc, name) for name, times in state.met.items() if times and name in known and known[name].change]
    if done:
        lines.append(f"The other side has so far: {'; '.join(done)}.")
    lines += [_still(arc, ending, owed) for ending, owed in _open_endings(arc, state)]
    if kept := kept_back(arc.front, state.mood, state.told):
        names = "; ".join(name.replace("_", " ") for name in arc.front.facts if name in kept)
        lines.append(f"In this mood you keep to yourself, even if you are asked: {names}.")
    lines.append("Speak as this mood has it.")
    if arc.front.endings:
        lines.append("Do not let yourself be talked round without what is still owed to you.")
    return "\n".join(lines)


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


def prompt(spec: SessionSpec) -> str:
    """All that a model is told of its persona: the prompt, and where the call stands at its start."""
    told = instructions(spec)
    if not is_briefed(spec):
        return told
    arc = live_arc(spec)
    again = "--- and before each reply where the call stands (Gemini Live is not told); at its start:"
    return f"{told}\n\n{again}\n\n{briefing(arc, start(arc.front))}"


def refusal(arc: Arc, state: ArcState) -> str:
    """What a model is answered that hangs up before the persona's arc has come to an ending."""
    owed = [_still(arc, ending, owed) for ending, owed in _open_endings(arc, state)]
    return " ".join(["The call is not over: you have not hung up.", *owed, "Go on with the call."])


def _open_endings(arc: Arc, state: ArcState) -> list[tuple[Ending, Lack]]:
    """The endings that a trainee can bring about, each with what it waits for."""
    endings = (ending for ending in arc.front.endings if comes_about(ending) and (ending.when or ending.mood))
    return [(ending, owed) for ending in endings if (owed := lack(state, ending))]


def _still(arc: Arc, ending: Ending, owed: Lack) -> str:
    wanted = [_means(arc, name) for name in owed.cues]
    if owed.mood > 0:
        wanted.append(f"a mood that is better by {owed.mood}")
    elif owed.mood < 0:
        wanted.append(f"a mood that is worse by {-owed.mood}")
    if owed.seconds:
        wanted.append("more time")
    return f"Before it can end as {ending.name!r} there is still owed: {'; '.join(wanted)}."


def _means(arc: Arc, name: str) -> str:
    """What a cue stands for, in the words of the persona's file."""
    cue = arc.front.cues.get(name)
    means = worded_in(cue.means, arc.language) if cue else ""
    return name.replace("_", " ") + (f" ({means})" if means else "")
