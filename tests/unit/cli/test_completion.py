"""Completion scripts, read by the shells themselves."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fastsync import cli
from fastsync.cli.completion import SHELLS
from fastsync.cli.entry import COMMANDS
from fastsync.config.flags.flag import RUN
from fastsync.config.flags.options import list_flags

FLAGS = {spelling for flag in list_flags(RUN) for spelling in flag.spellings if spelling.startswith("--")}
NO_VALUE = ("--max-cost", "--ignore", "--key", "--role-arn")
"""Flags whose values nobody can list."""
COMPLETED = {
    "fastsync ": set(COMMANDS),
    "fastsync co": {"compare", "combine", "completion"},
    "fastsync help zz": set(),
    "fastsync help ia": {"iam-policy"},
    "fastsync completion z": {"zsh"},
    "fastsync --write-m": {"--write-missing"},
    "fastsync sync --max-d": {"--max-deletes", "--max-duration", "--max-differences"},
    "fastsync compare --no-": {"--no-recheck", "--no-progress"},
    "fastsync estimate --js": {"--json"},
    "fastsync iam-policy --dele": {"--delete-extra"},
    "fastsync undo --dry": {"--dry-run"},
    "fastsync settings --ignore-setting point": {"point-in-time-recovery"},
    "fastsync show --att": {"--attribute"},
    "fastsync show --verdict mis": {"missing"},
    "fastsync show --action slave": {"slave-newer"},
    "fastsync show --format ": {"text", "markdown", "csv"},
    "fastsync report --o": {"--output"},
    "fastsync combine --q": {"--quiet"},
    "fastsync demo --he": {"--help"},
    "fastsync --strategy ": {"auto", "lookup", "merge"},
    "fastsync -m us-east-1:orders -s us-west-2:orders --strategy m": {"merge"},
    "fastsync -m us-east-1:show --writes ": {"guarded", "batch"},
    "fastsync --executor sp": {"spark"},
    "fastsync --log-format ": {"text", "json"},
    "fastsync undo --color ": {"auto", "always", "never"},
    "fastsync --report rep": {"report one.jsonl"},
    "fastsync --config fl": {"flags.toml"},
    "fastsync show rep": {"report one.jsonl"},
    "fastsync show flags.toml rep": {"report one.jsonl"},
    "fastsync report --output p": {"page.html"},
    "fastsync --profile ": {"default", "production", "backup"},
    "fastsync undo --slave-profile b": {"backup"},
    **{f"fastsync {flag} x": set() for flag in NO_VALUE},
}
"""A line up to the key that completes it, and the words that the shell offers for its last word."""
EQUALS = {"fastsync --strategy=m": {"merge"}, "fastsync --strategy=": {"auto", "lookup", "merge"}}
"""The same with the value behind an equals sign."""
BASH = """
source ./script
completer=$(complete -p fastsync | sed -E 's/.*-F ([^ ]+).*/\\1/')
COMP_WORDS=({words}) COMP_CWORD={last} COMP_LINE={line} COMP_POINT={point} COMP_TYPE=9
"$completer" fastsync {current} {before}
for word in "${{COMPREPLY[@]}}"; do echo "$word"; done
"""

ZSH = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner 'PROMPT= RPROMPT= LISTMAX=1000; unsetopt prompt_sp; autoload -Uz compinit; compinit -u -D
source ./script
compadd() {
  local -a hits
  [[ ${@[1,(i)(-|--)]} == *-[OAD]* ]] && { builtin compadd "$@"; return }
  builtin compadd -O hits "$@"
  print -rl -- $hits >> offered
  builtin compadd "$@"
}
tell() { print >> done; comppostfuncs=(tell) }
comppostfuncs=(tell)
print >> done'
wait_for_it() {
  for _ in {1..200}; do [[ -s done ]] && return; sleep 0.05; done
  print "no answer to: $1" >&2
  exit 1
}
wait_for_it ready
while read -r line; do
  rm -f done offered
  zpty -w -n inner $'\C-u'"${line%.}"$'\t'
  wait_for_it $line
  print -r -- "= $line"
  cat offered 2>/dev/null
done
zpty -d inner
"""
"""Reads lines that end in a period, and prints what zsh offers for each: it takes a terminal, and a spy on compadd."""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a few files, in which AWS is configured."""
    for name in ("report one.jsonl", "flags.toml", "page.html"):
        (tmp_path / name).touch()
    (tmp_path / "config").write_text("[default]\nregion = x\n[profile production]\n[sso-session work]\n")
    (tmp_path / "credentials").write_text("[default]\naws_access_key_id = x\n[backup]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Write the script for a shell into this folder; skip where there is no such shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} on this machine")
    assert cli.main(["completion", shell]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    Path("script").write_text(told.out)


def ask(*command: str) -> list[str]:
    """Return the lines that a shell prints, and check that it prints no error."""
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def complete_in_bash(line: str) -> set[str]:
    """Return what bash offers at the end of a line; it divides words at = and : as readline does."""
    words = line.replace(":", " : ").replace("=", " = ").split(" ")
    words = [word for word in words[:-1] if word] + words[-1:]
    if line.endswith("="):
        words.pop()
    asked = BASH.format(
        words=shlex.join(words),
        last=len(words) - 1,
        line=shlex.quote(line),
        point=len(line),
        current=shlex.quote(words[-1]),
        before=shlex.quote(words[-2]),
    )
    return set(ask("bash", "--norc", "--noprofile", "-c", asked))


def complete_in_fish(line: str) -> set[str]:
    """Return what fish offers at the end of a line."""
    offered = ask("fish", "--no-config", "-c", f"source ./script; complete -C {shlex.quote(line)}")
    return {each.partition("\t")[0].replace("\\ ", " ") for each in offered}


@pytest.mark.parametrize("line", [*COMPLETED, *EQUALS])
def test_bash_completes(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bash offers commands, flags, values, files and profiles, and nothing where nobody knows."""
    write_script("bash", capsys)
    assert complete_in_bash(line) == {**COMPLETED, **EQUALS}[line]


@pytest.mark.parametrize("line", COMPLETED)
def test_fish_completes(line: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fish offers commands, flags, values, files and profiles, and nothing where nobody knows."""
    write_script("fish", capsys)
    assert complete_in_fish(line) == COMPLETED[line]


def test_zsh_completes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Zsh offers commands, flags, values, files and profiles, and nothing where nobody knows."""
    write_script("zsh", capsys)
    asked = "".join(f"{line}.\n" for line in COMPLETED)
    ran = ["zsh", "-f", "-c", ZSH]
    offered = subprocess.run(ran, input=asked, capture_output=True, text=True, timeout=120, check=False)
    assert offered.stderr == ""
    for answer in offered.stdout.split("= ")[1:]:
        line, *words = answer.splitlines()
        assert {word.replace("\\ ", " ") for word in words if word} == COMPLETED[line[:-1]], line


def test_a_file_in_the_path_of_zsh(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The script also works as a file `_fastsync` in one of the folders that zsh searches."""
    write_script("zsh", capsys)
    Path("script").rename("_fastsync")
    found = ask("zsh", "-f", "-c", "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; echo $_comps[fastsync]")
    assert found == ["_fastsync"]


@pytest.mark.parametrize(
    ("words", "told"), [([], "name the shell"), (["bsh"], "is 'bash' meant?"), (["tcsh"], "bash, zsh or fish")]
)
def test_other_shells(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A shell that is missing or unknown is one sentence that names those that there are, and exit code 2."""
    assert cli.main(["completion", *words]) == 2
    assert told in capsys.readouterr().err


def test_flags_are_complete(capsys: pytest.CaptureFixture[str]) -> None:
    """Every flag of a run is in every script, so that a new one needs no thought."""
    for shell in SHELLS:
        assert cli.main(["completion", shell]) == 0
        script = capsys.readouterr().out
        assert all(flag in script or f"-l {flag[2:]} " in script for flag in FLAGS)
