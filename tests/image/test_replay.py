"""The replayer on small Dockerfiles, and the readers of what it leaves behind."""

import sys
from itertools import chain
from pathlib import Path

import pytest
import torch

from tests.image.contents import parts_of, size_of
from tests.image.dockerfile import NotUnderstood, read_dockerfile
from tests.image.libraries import library_needs, needed
from tests.image.replay import Replay, ReplayFailed, Root
from tests.image.started import image_environment, may_become

FILES = {"a/one.py": "1", "a/b/two.py": "2", "three.txt": "3", "secret": "s"}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def built(context: Path, text: str, said: list[str] | None = None, **arguments: str) -> Root:
    return Replay(
        dockerfile=read_dockerfile(text, arguments),
        python=Path(sys.executable),
        context={name: context / name for name in FILES if name != "secret"},
        arguments=arguments,
        where=context.parent / "roots with spaces",
        say=(said if said is not None else []).append,
    ).build()


def files(root: Root) -> dict[str, str]:
    return {
        file.relative_to(root.folder).as_posix(): file.read_text()
        for file in root.folder.rglob("*")
        if file.is_file()
    }


def test_files_come_to_where_copy_says(context: Path) -> None:
    root = built(
        context,
        "FROM python:3\nCOPY a/ /x/\nCOPY three.txt a/one.py /y/\nCOPY three.txt /z\n"
        "WORKDIR /w\nCOPY a here/",
    )
    assert files(root) == {
        "x/one.py": "1", "x/b/two.py": "2", "y/three.txt": "3", "y/one.py": "1", "z": "3",
        "w/here/one.py": "1", "w/here/b/two.py": "2",
    }  # fmt: skip


def test_what_the_context_does_not_hold_is_not_copied(context: Path) -> None:
    with pytest.raises(NotUnderstood, match="line 2: COPY secret: the build's context holds no"):
        built(context, "FROM python:3\nCOPY secret /s")


def test_stages_build_on_one_another_and_only_the_needed_ones_are_built(context: Path) -> None:
    said: list[str] = []
    root = built(
        context,
        "ARG KIND=good\nFROM python:3 AS base\nENV NAME=base\nARG MORE=as\n"
        "COPY three.txt /kept/\n"
        "FROM base AS part-good\nRUN mkdir -p /made/${NAME}/${MORE}\nFROM base AS part-bad\n"
        "RUN explode\nFROM part-${KIND} AS part\nFROM python:3\nCOPY --from=part /kept/ /k/\n"
        "COPY --from=part /made/ /m/\nUSER 5:5\nENV A=/k B=/nowhere",
        said,
        MORE="told",
    )
    assert files(root) == {"k/three.txt": "3"}
    assert root.place("/m/base/told").is_dir()
    assert [line for line in said if "explode" in line] == []
    assert (root.user, root.environment["A"]) == ("5:5", "/k")
    assert image_environment(root)["A"] == str(root.folder / "k")
    assert image_environment(root)["B"] == "/nowhere"
    assert not may_become(root)  # there is no Python in it


def test_python_is_this_one_and_its_paths_are_the_roots(context: Path) -> None:
    root = built(
        context,
        "FROM python:3\nCOPY a/ /x/\nWORKDIR /x\nRUN python -m compileall -q /x\n"
        "RUN find /x -name two.py -exec touch --date=@7 {} +\nRUN chmod -R a=rX /x",
    )
    assert len(list(root.folder.rglob("*.pyc"))) == 2
    two = root.place("/x/b/two.py")
    assert two.stat().st_mtime_ns == 7_000_000_000
    assert two.stat().st_mode & 0o777 == 0o444


def test_a_stage_is_kept_until_something_of_it_changes(context: Path) -> None:
    text = "FROM python:3 AS base\nCOPY three.txt /t\nFROM python:3\nCOPY --from=base / /"
    first, second, third = list[str](), list[str](), list[str]()
    built(context, text, first)
    built(context, text, second)
    (context / "three.txt").write_text("33")
    root = built(context, text, third)
    assert first[0] == third[0] == "stage base from python:3"
    assert second[0] == "stage base as it was replayed before"
    assert files(root) == {"t": "33"}


@pytest.mark.parametrize(
    "command", ["apt-get install gcc", "rm -r /x; true", "curl -o x y", "mkdir $(whoami) | true"]
)
def test_what_would_run_here_and_is_not_known_is_refused(context: Path, command: str) -> None:
    with pytest.raises(NotUnderstood, match=r"line 2: RUN .*; replayed are: one command of python"):
        built(context, f"FROM python:3\nRUN {command}")


def test_a_command_that_fails_ends_it_with_its_words(context: Path) -> None:
    with pytest.raises(ReplayFailed, match=r"(?s)line 2, status 1:.*No module named nothing"):
        built(context, "FROM python:3\nRUN python -m nothing")


def test_what_only_changes_the_base_image_is_told(context: Path) -> None:
    said: list[str] = []
    built(context, "FROM python:3\nRUN python -m pip uninstall --yes pip", said)
    assert "not replayed, for it changes the base image: python -m pip uninstall" in said[-1]


def test_a_foreign_base_is_refused(context: Path) -> None:
    with pytest.raises(NotUnderstood, match="the base image nvidia/cuda:13 cannot be stood for"):
        built(context, "FROM nvidia/cuda:13\nRUN mkdir /x")


def test_libraries_that_nobody_brings_are_found() -> None:
    packages = Path(torch.__file__).parents[1]
    folder = packages / "torch" / "lib"
    python_part = folder / "libtorch_python.so"
    assert "libc.so.6" in needed(python_part)
    assert needed(Path(__file__)) == ()
    alone = library_needs([python_part])
    assert "libc.so.6" in alone.system
    assert "libtorch_cpu.so" in alone.nobody or "libtorch.so" in alone.nobody
    # The CUDA build has its libraries in packages of their own; the CPU build has none.
    brought = chain(folder.glob("*.so*"), (packages / "nvidia").rglob("*.so*"))
    assert not library_needs(brought).nobody


def test_the_contents_are_all_of_it(tmp_path: Path) -> None:
    site = tmp_path / "venv/lib/python3.11/site-packages"
    (site / "thing-1.dist-info").mkdir(parents=True)
    (site / "thing.py").write_bytes(b"x" * 11_000_000)
    (site / "thing-1.dist-info/METADATA").write_text("Name: thing\nVersion: 1\n")
    (site / "thing-1.dist-info/RECORD").write_text("thing.py,,\n")
    (tmp_path / "app/weights").mkdir(parents=True)
    (tmp_path / "app/weights/w").write_bytes(b"w" * 5)
    parts = {part.name: (part.version, part.size_bytes, part.files) for part in parts_of(tmp_path)}
    assert parts["thing"] == ("1", 11_000_000, 1)
    assert parts["/app/weights"] == ("", 5, 1)
    assert parts["0 smaller packages"] == ("", 0, 0)
    assert size_of(tmp_path) == 11_000_005 + len("Name: thing\nVersion: 1\n") + len("thing.py,,\n")
