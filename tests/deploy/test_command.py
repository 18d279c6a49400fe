"""A command as a shell line: whatever is in its words, a shell reads the same words."""

import os
import subprocess

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from deploy.command import Command, captured, fill, shell

VARIABLES = {"PROJECT_NUMBER": "123", "ITEM": 'a "b" $c `d` \\ e'}
PIECES = st.sampled_from(["${PROJECT_NUMBER}", "${ITEM}", "$", "{", '"', "'", "`", "\\", "x", " "])
WORDS = st.lists(
    st.one_of(
        st.lists(PIECES, max_size=8).map("".join),
        st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=12),
    ),
    max_size=5,
)


@hypothesis_settings(max_examples=30)
@given(words=WORDS)
def test_a_shell_reads_the_same_words(words: list[str]) -> None:
    line = shell(Command(argv=("printf", "%s\\0", *words, "end")))
    answer = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **VARIABLES}, capture_output=True, check=True
    )
    read = answer.stdout.decode().split("\0")[:-1]
    assert read == [fill(word, VARIABLES) for word in (*words, "end")]


def test_an_unknown_variable_is_a_fault_of_the_plan() -> None:
    with pytest.raises(KeyError):
        fill("${NOBODY}", VARIABLES)


def test_a_capture_is_the_same_in_the_shell_and_here() -> None:
    pattern = r'"name": *"(projects/[^"]+/rulesets/[^"]+)"'
    answer = '{\n  "name": "projects/p/rulesets/1-2",\n  "createTime": "x"\n}\n'
    command = Command(argv=("printf", "%s", answer), capture="RULESET", pattern=pattern)
    script = f'{shell(command)}; printf %s "$RULESET"'
    said = subprocess.run(["bash", "-c", script], capture_output=True, check=True, text=True)
    assert said.stdout == captured(command, answer) == "projects/p/rulesets/1-2"
    assert captured(command, "{}") == ""
