"""The reader of Dockerfiles, and what ours promises."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.image.dockerfile import NotUnderstood, expanded, read_dockerfile

OURS = Path("Dockerfile").read_text()


def test_the_image_is_made_of_what_its_arguments_choose() -> None:
    assert [stage.name for stage in read_dockerfile(OURS).needed()] == [
        "bare", "driver-host", "driver", "environment", "packages-without-torch",
        "packages-locked", "packages", "weights-none", "weights-fetched", "weights", "",
    ]  # fmt: skip
    other = read_dockerfile(OURS, {"WEIGHTS": "given", "DRIVER_LIBRARIES": "compat"})
    names = [stage.name for stage in other.needed()]
    assert {"weights-given", "driver-compat"} <= set(names)
    assert not {"weights-fetched", "driver-host"} & set(names)


TARGETS = {"": ["packages.txt", "torch.txt"], "gate": ["gate.txt"], "api": ["api.txt"]}


@pytest.mark.parametrize("target", ["gate", "api"])
def test_the_small_images_are_made_of_their_packages_and_code_alone(target: str) -> None:
    needed = read_dockerfile(OURS, target=target).needed()
    names = ["bare", "environment", f"{target}-packages", target]
    assert [stage.name for stage in needed] == names
    with pytest.raises(NotUnderstood, match="no stage 'door'"):
        read_dockerfile(OURS, target="door")


@pytest.mark.parametrize("target", TARGETS)
def test_every_package_comes_by_its_hash_and_pip_stays_behind(target: str) -> None:
    dockerfile = read_dockerfile(OURS, target=target)
    runs = [run.text for stage in dockerfile.needed() for run in stage.of("RUN")]
    installs = [text for text in runs if " install " in text]
    assert [text.rpartition("/")[2] for text in installs] == TARGETS[target]
    for text in installs:
        assert "--no-cache-dir" in text
        assert "--require-hashes --no-deps --only-binary :all:" in text
    assert [text for text in runs if "-m venv" in text] == ["python -m venv --without-pip /venv"]
    (bare,) = [stage for stage in dockerfile.needed() if stage.name == dockerfile.final.base]
    assert bare.of("RUN")[0].text.endswith(
        "pip uninstall --yes --root-user-action=ignore setuptools wheel pip"
    )


@pytest.mark.parametrize("weights", ["fetched", "given"])
def test_weights_are_verified_after_they_came(weights: str) -> None:
    stage = read_dockerfile(OURS).stage(f"weights-{weights}")
    assert stage is not None
    assert stage.instructions[-1].text.endswith("liveportrait_core.weights verify /weights")


@pytest.mark.parametrize("target", TARGETS)
def test_it_starts_as_nobody_in_exec_form(target: str) -> None:
    final = read_dockerfile(OURS, target=target).final
    (user,) = final.of("USER")
    assert all(part.isdigit() and int(part) >= 10_000 for part in user.text.split(":"))
    (entry,), (command,) = final.of("ENTRYPOINT"), final.of("CMD")
    if target == "api":
        assert (*entry.command(), *command.command()) == ("python", "-m", "web")
        return
    assert (*entry.command(), *command.command()) == (
        "python", "-m", "functions.runtime.entry_point",
        "-m", "functions_framework", "--source", "functions/main.py",
        "--target", "on_avatar_written", "--signature-type", "cloudevent",
    )  # fmt: skip


def test_no_registry_is_named_but_by_the_base_images() -> None:
    assert "://" not in OURS
    bases = {stage.base for stage in read_dockerfile(OURS).stages}
    named = {base.partition("@")[::2] for base in bases if ":" in base}
    assert {tag for tag, _ in named} == {
        "python:3.11-slim-bookworm", "nvidia/cuda:13.0.1-base-ubuntu24.04",
    }  # fmt: skip
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for _, digest in named)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RUN true", "line 1: RUN before the first FROM"),
        ("FROM a\nADD x y", "line 2: ADD; accepted: FROM, ARG"),
        ("FROM a\n\n# why\nRUN --mount=type=cache true", "line 4: RUN --mount=type=cache"),
        ("FROM a\nCOPY --chmod=444 x y", "line 2: COPY --chmod=444"),
        ("FROM --platform=linux a", "line 1: FROM --platform=linux"),
        ("FROM a\nRUN <<EOF", "line 2: RUN with a heredoc"),
        ("FROM a b c d", "line 1: FROM a b c d"),
        ("FROM a\nRUN one \\\n", "line 2: continued beyond the end"),
        ("# nothing", "there is no FROM"),
    ],
)
def test_what_is_not_understood_is_refused_by_its_line(text: str, words: str) -> None:
    with pytest.raises(NotUnderstood, match=words.replace("(", r"\(")):
        read_dockerfile(text)


def test_the_shell_form_is_refused_where_a_process_is_started() -> None:
    (command,) = read_dockerfile("FROM a\nCMD python -m x").final.of("CMD")
    with pytest.raises(NotUnderstood, match="line 2: CMD python -m x; accepted: exec form"):
        command.command()


def test_variables_are_put_in_and_unknown_ones_are_empty() -> None:
    assert expanded("${A}/$B:${C}", {"A": "1", "B": "2"}) == "1/2:"
    (env,) = read_dockerfile('FROM a\nENV X="one two" Y=${Z}').final.of("ENV")
    assert env.words({"Z": "3"}) == ("X=one two", "Y=3")


WORDS = st.lists(st.from_regex(r"[a-z0-9/.=-]{1,8}", fullmatch=True), min_size=1, max_size=6)


@given(WORDS, st.data())
def test_a_command_may_be_continued_anywhere(words: list[str], data: st.DataObject) -> None:
    words = [word for word in words if not word.startswith("-")] or ["true"]
    joins = [data.draw(st.sampled_from([" ", " \\\n  ", " \\\n# said\n "])) for _ in words[1:]]
    text = words[0] + "".join(join + word for join, word in zip(joins, words[1:], strict=True))
    (run,) = read_dockerfile(f"FROM a\nRUN {text}\n").final.of("RUN")
    assert run.text.split() == words
    assert run.line == 2
