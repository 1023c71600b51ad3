"""Completion for bash, zsh and fish, made of the parser, so that it never lags behind.

The names of templates are asked of the store that the line names.  A name is data: no shell
expands it.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final, cast

from .parser import make_parser
from .statuses import explained
from .tables import put

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES: Final = frozenset({"store", "store_option", "module", "uds", "token_file", "folder"})
"""Arguments that are files."""
_NAMES: Final = "jobactors templates --names"
"""The command that the scripts ask for templates."""


@explained
def print_script(given: argparse.Namespace) -> int:
    """Print the completion script of a shell."""
    put(script_for(given.shell))
    return 0


def script_for(shell: str) -> str:
    """Return the completion script for "bash", "zsh" or "fish"."""
    commands = _commands(make_parser())
    makers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return makers[shell](commands)


class _Completions:
    """The words that complete one subcommand."""

    def __init__(self, help: str, parser: argparse.ArgumentParser) -> None:
        self.help = help
        self.options: dict[str, str] = {}
        self.words: list[str] = []
        self.takes_files = False
        for action in parser._actions:
            for name in action.option_strings:
                self.options[name] = action.help or ""
            if not action.option_strings and action.choices is not None:
                self.words += [str(choice) for choice in action.choices]
            if action.dest in _FILES or action.dest == "command":
                self.takes_files = True


def _commands(parser: argparse.ArgumentParser) -> Mapping[str, _Completions]:
    (table,) = (cast("Any", one) for one in parser._actions if one.dest == "subcommand")
    helps = {one.dest: one.help or "" for one in table._choices_actions}
    return {name: _Completions(helps.get(name, ""), child) for name, child in table.choices.items()}


def _bash(commands: Mapping[str, _Completions]) -> str:
    offered = {name: " ".join([*one.options, *one.words]) for name, one in commands.items()}
    cases = "\n".join(
        f'    {name}) words="{offered[name]}" files={int(one.takes_files)} ;;'
        for name, one in commands.items()
    )
    return f"""\
_jobactors() {{
  local words files=0 word=${{COMP_WORDS[COMP_CWORD]}} command=""
  local each place=0 before="" template=0 store=()
  for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    place=$((place + 1))
    case "$each" in -*) ;; *) command=$each; break ;; esac
  done
  case "$command" in
    "") words="{" ".join([*commands, "--help", "--version"])}" ;;
{cases}
  esac
  for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$each" in -t|--template) template=1 ;; esac
    case "$before" in -s|--store) store=(-s "$each") ;; esac
    before=$each
  done
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [ "$command$template" = submit1 ]; then
    while IFS= read -r each; do
      if [[ $each == "$word"* ]]; then COMPREPLY+=("$each"); fi
    done < <({_NAMES} "${{store[@]}}" 2>/dev/null)
  fi
  if [ "$command" = run ]; then COMPREPLY+=($(compgen -c -- "$word")); fi
  if [ "$files" = 1 ]; then COMPREPLY+=($(compgen -f -- "$word")); fi
}}
complete -o filenames -F _jobactors jobactors"""


def _zsh(commands: Mapping[str, _Completions]) -> str:
    listed = "\n".join(f"    {_described(name, one.help)}" for name, one in commands.items())
    cases = "\n".join(
        f"    {name}) options=({' '.join(_described(o, h) for o, h in one.options.items())})"
        f" choices=({' '.join(one.words)}) files={int(one.takes_files)} ;;"
        for name, one in commands.items()
    )
    return f"""\
#compdef jobactors
_jobactors() {{
  local -a commands options choices store
  local files=0 place
  commands=(
{listed}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
{cases}
  esac
  _describe -o option options
  if [[ $words[2] == submit ]] && (( $words[(I)-t] || $words[(I)--template] )); then
    place=$words[(I)(-s|--store)]
    (( place )) && store=(-s "$words[place+1]")
    choices=(${{(f)"$({_NAMES} $store 2>/dev/null)"}})
  fi
  (( $#choices )) && compadd -a choices
  [[ $words[2] == run ]] && _command_names -e
  (( files )) && _files
}}
_jobactors "$@\""""


def _described(word: str, help: str) -> str:
    return _quoted(f"{word}:{help.replace(':', chr(92) + ':')}")


def _fish(commands: Mapping[str, _Completions]) -> str:
    alone = "__fish_use_subcommand"
    lines = ["complete -c jobactors -f"]
    lines.append(f"complete -c jobactors -n {alone} -l version -d 'print the version and exit'")
    for name, one in commands.items():
        lines.append(f"complete -c jobactors -n {alone} -a {name} -d {_quoted(one.help)}")
        inside = f"'__fish_seen_subcommand_from {name}'"
        for option, said in one.options.items():
            kind = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
            lines.append(f"complete -c jobactors -n {inside} {kind} -d {_quoted(said)}")
        if one.words:
            lines.append(f"complete -c jobactors -n {inside} -a '{' '.join(one.words)}'")
        if name == "submit":
            given = f"{inside[:-1]}; and __fish_contains_opt -s t template'"
            lines.append(f"complete -c jobactors -n {given} -a '({_NAMES} 2>/dev/null)'")
        if name == "run":  # another command, with a completion of its own
            whole = "(__fish_complete_subcommand --fcs-skip=2)"
            lines.append(f"complete -c jobactors -n {inside} -x -a '{whole}'")
        elif one.takes_files:
            lines.append(f"complete -c jobactors -n {inside} -F")
    return "\n".join(lines)


def _quoted(text: str) -> str:
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"
