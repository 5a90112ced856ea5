"""Tab completion in bash. Hydra's own script completes `python FILE`; this one completes `python -m runtime`."""

from __future__ import annotations

BASH = r"""
_runtime_completion() {
    [[ "$COMP_LINE" == *"-m runtime "* ]] || return
    local typed="${COMP_LINE:0:COMP_POINT}"
    local found="$(COMP_LINE="runtime ${typed#*-m runtime }" "$1" -m runtime -sc query=bash 2>/dev/null)"
    COMPREPLY=($(compgen -W "$found" -- "${typed##* }"))
}
COMP_WORDBREAKS="${COMP_WORDBREAKS//=}"
complete -o nospace -o default -F _runtime_completion python python3
"""
"""What `eval "$(python -m runtime -sc install=bash)"` evaluates. Hydra answers `-sc query=bash`."""
