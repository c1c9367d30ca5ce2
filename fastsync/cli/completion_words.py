"""What a shell is told of a flag's value: the words it takes, or that it is a file, or a profile."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import shtab

from fastsync.cli.entry import COMMANDS
from fastsync.config.flags.flag import AUTO
from fastsync.config.flags.options import CHOICES
from fastsync.plan.settings.values import NAMES
from fastsync.reports.show.selection import ACTIONS

WORDS = {
    **{flag.name: flag.choices for flag in CHOICES.values()},
    "--action": ACTIONS,
    "--parallel": (AUTO,),
    "--ignore-setting": tuple(name for name in NAMES if not name.endswith(":")),
    "COMMAND": tuple(COMMANDS),
}
"""The values of a flag, or of an argument by what stands for it, where its help does not list them."""
FILES = ("FILE", "PAGE")
FOLDERS = ("DIR",)
PROFILES = ("--profile", "--slave-profile")
LIST_PROFILES = r"""sh -c '
{
  sed -nE -e "s/^\[profile[[:space:]]+([^][:space:]\"]+)[[:space:]]*\].*/\1/p" -e "s/^\[(default)\].*/\1/p" \
    "${AWS_CONFIG_FILE:-$HOME/.aws/config}"
  sed -nE "s/^\[([^][:space:]\"]+)\].*/\1/p" "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}"
} 2>/dev/null | sort -u'"""
"""Prints the names of profiles, in any shell. No request is made, and no Python started."""
COMPLETE_PROFILE = {
    "bash": "_fastsync_complete_profile",
    "zsh": "_fastsync_complete_profile",
    "fish": "(_fastsync_complete_profile)",
    "preamble": {
        "bash": f'_fastsync_complete_profile() {{\n  compgen -W "$({LIST_PROFILES})" -- "$1"\n}}',
        "zsh": f'_fastsync_complete_profile() {{\n  compadd -- ${{(f)"$({LIST_PROFILES})"}}\n}}',
        "fish": f"function _fastsync_complete_profile\n  {LIST_PROFILES}\nend",
    },
}
"""How each shell completes a profile, in the form of shtab."""
IN_WHOLE_WORDS = """
# bash divides --flag=value and region:table into words of their own; here they are two words, and one
_fastsync_in_whole_words() {
  local -a whole=()
  local word open=
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ $word == = && ${#whole[@]} -gt 0 && ${whole[${#whole[@]}-1]} == --* ]]; then
      whole+=("")
      open=yes
    elif [[ ( $word == : || -n $open ) && ${#whole[@]} -gt 0 ]]; then
      whole[${#whole[@]}-1]+=$word
      open=
      [[ $word == : ]] && open=yes
    else
      whole+=("$word")
    fi
  done
  local -a COMP_WORDS=("${whole[@]}")
  local COMP_CWORD=$(( ${#whole[@]} - 1 ))
  _shtab_fastsync
}
complete -o bashdefault -F _fastsync_in_whole_words fastsync"""
"""What follows the script for bash."""
MENDED_FOR_ZSH = {
    "zsh_eval_context[-1] == eval ": "zsh_eval_context[-1] == (eval|file) ",  # it may be sourced, too
    '\n  "(*):': '\n  "*:',  # each further FILE is completed like the first
}
"""What shtab writes for zsh, and what it should."""


def describe_values(action: argparse.Action) -> None:
    """Give a flag or an argument the attributes by which shtab knows its values."""
    words = _list_words(action)
    metavar = str(action.metavar)
    if words:
        action.choices = words
    elif metavar in FILES:
        _complete_with(action, shtab.FILE)
    elif metavar in FOLDERS:
        _complete_with(action, shtab.DIRECTORY)
    elif not set(PROFILES).isdisjoint(action.option_strings):
        _complete_with(action, COMPLETE_PROFILE)
    if action.metavar is not None:
        action.metavar = metavar.replace(":", "\\:")  # zsh takes a bare one for the end of it


def _list_words(action: argparse.Action) -> Sequence[str]:
    """Return the words that a value can be, none where it can be anything; help lists them as `text|json`."""
    for name in (*action.option_strings, str(action.metavar)):
        if name in WORDS:
            return WORDS[name]
    listed = str(action.metavar).split("|")
    if len(listed) > 1 and all(word.islower() for word in listed):
        return listed
    return ()


def _complete_with(action: argparse.Action, how: object) -> None:
    action.complete = how  # type: ignore[attr-defined]  # shtab's own name
