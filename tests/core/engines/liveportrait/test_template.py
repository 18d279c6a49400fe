"""Templates as files: ours come back as they were, the original's are read, and none is run."""

import os
import pickle
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.engines.liveportrait.template import (
    LivePortraitMotion,
    load_template,
    pickle_machine,
    save_template,
)
from liveportrait_core.engines.liveportrait.template import npz as npz_module
from liveportrait_core.errors import VideoUnsupported
from liveportrait_core.report import RenderWarning
from tests.core.engines.liveportrait.motions import measured

FPS = Fraction(30000, 1001)


def template(count: int = 3) -> LivePortraitMotion:
    return LivePortraitMotion(
        measured=measured(count),
        fps=FPS,
        warnings=(RenderWarning.LANDMARKS_INTERPOLATED,),
        source_sha256="ab" * 32,
    )


def original(count: int = 3, *, old: bool = False, ratios: bool = True) -> dict[str, Any]:
    """What the original pickles."""
    motion = measured(count).motion
    frames = [
        {
            "scale": motion.scale[i : i + 1],
            "R_d" if old else "R": motion.rotation[i : i + 1],
            "exp": motion.expression[i : i + 1],
            "t": motion.translation[i : i + 1],
            **({} if old else {"kp": motion.canonical_keypoints[i : i + 1]}),
        }
        for i in range(count)
    ]
    content = {"n_frames": count, "output_fps": 20, "motion": frames}
    if ratios:
        mark = "_d" if old else ""
        content[f"c{mark}_eyes_lst"] = [np.full((1, 2), 0.3, np.float32)] * count
        content[f"c{mark}_lip_lst"] = [np.full((1, 1), 0.1, np.float32)] * count
    return content


def pickled(path: Path, content: object) -> Path:
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


@given(
    count=st.integers(1, 40),
    rate=st.sampled_from([Fraction(25), Fraction(24000, 1001), FPS]),
)
def test_our_files_come_back_as_they_were(
    count: int, rate: Fraction, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("templates") / "motion.npz"
    saved = LivePortraitMotion(measured=measured(count), fps=rate, warnings=template().warnings)
    save_template(saved, path)
    loaded = load_template(path)
    assert loaded.fps == rate
    assert loaded.frame_count == count
    assert loaded.warnings == saved.warnings
    for name, values in vars(saved.measured.motion).items():
        assert np.array_equal(values, getattr(loaded.measured.motion, name))
    assert np.array_equal(loaded.measured.lip_ratios, saved.measured.lip_ratios)
    assert [entry.name for entry in path.parent.iterdir()] == ["motion.npz"]


def test_the_source_is_remembered_and_the_name_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "motion.pkl"
    with path.open("wb"):
        save_template(template(), path)
    assert load_template(path).source_sha256 == "ab" * 32


@pytest.mark.parametrize("old", [False, True])
def test_the_originals_pickles_are_read(old: bool, tmp_path: Path) -> None:
    loaded = load_template(pickled(tmp_path / "d.pkl", original(5, old=old)))
    expected = measured(5)
    assert loaded.fps == 20
    for name in ("rotation", "expression", "scale", "translation"):
        assert np.array_equal(getattr(loaded.measured.motion, name), getattr(expected.motion, name))
    assert loaded.measured.eye_ratios == pytest.approx(np.full((5, 2), 0.3))


def test_what_old_pickles_lack_is_unknown_or_the_originals_default(tmp_path: Path) -> None:
    content = original(2, old=True, ratios=False)
    del content["output_fps"]
    loaded = load_template(pickled(tmp_path / "d.pkl", content))
    assert loaded.fps == 25
    assert np.isnan(loaded.measured.lip_ratios).all()


def test_arrays_in_other_layouts_are_read(tmp_path: Path) -> None:
    content = original(2)
    content["motion"][0]["exp"] = np.asfortranarray(content["motion"][0]["exp"].astype(">f8"))
    loaded = load_template(pickled(tmp_path / "d.pkl", content))
    assert np.array_equal(loaded.measured.motion.expression, measured(2).motion.expression)


class Hostile:
    """Unpickles into a call."""

    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call = call
        self.arguments = arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (os.system, r"(posix|nt)\.system"),
        (eval, r"builtins\.eval"),
        (getattr, r"builtins\.getattr"),
        (np.load, r"numpy\.load"),
    ],
)
def test_a_hostile_pickle_is_refused_by_name_and_not_run(
    call: Callable[..., object], name: str, tmp_path: Path
) -> None:
    trace = tmp_path / "it-ran"
    content = original()
    content["extra"] = Hostile(call, f"__import__('pathlib').Path({str(trace)!r}).touch()")
    path = pickled(tmp_path / "hostile.pkl", content)
    with pytest.raises(VideoUnsupported, match=rf"hostile\.pkl.*asks for {name}: refused"):
        load_template(path)
    assert not trace.exists()


def test_a_pickled_object_array_is_refused(tmp_path: Path) -> None:
    content = original()
    content["motion"][0]["exp"] = np.array([[object()]], dtype=object)
    with pytest.raises(VideoUnsupported):
        load_template(pickled(tmp_path / "d.pkl", content))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.pop("motion"), "no list named motion"),
        (lambda c: c.update(motion=[]), "has no frames"),
        (lambda c: c.update(motion=[1, 2, 3]), "has no frames"),
        (lambda c: c.update(n_frames=7), "says n_frames 7 and holds 3"),
        (lambda c: c.update(output_fps=0), "0/1 frames a second; accepted: above 0, up to 240"),
        (lambda c: c.update(output_fps="25"), "'25'/1 frames a second"),
        (lambda c: c["motion"][0].pop("R"), "lacks R or R_d"),
        (lambda c: c["motion"][1].pop("exp"), r"has exp of shape \(0,\), \(1, 21, 3\)"),
        (lambda c: c["motion"][2].update(t=np.zeros((1, 4))), r"has t of shape \(1, 3\), \(1, 4\)"),
        (lambda c: c["motion"][2].update(t=[0, 0, 0]), "has t of shape"),
        (lambda c: c["motion"][0].update(scale=np.full((1, 1), np.nan)), "not finite"),
        (lambda c: c["motion"][0].update(scale=np.full((1, 1), 1 + 2j)), "damaged array.*c16"),
        (lambda c: c.update(c_lip_lst=[1]), "a list of 3 values under c_lip_lst"),
    ],
)
def test_a_pickle_that_is_no_template_says_why(
    spoil: Callable[[dict[str, Any]], object], message: str, tmp_path: Path
) -> None:
    content = original()
    spoil(content)
    with pytest.raises(VideoUnsupported, match=message):
        load_template(pickled(tmp_path / "d.pkl", content))


@pytest.mark.parametrize("content", [b"", b"not a template", b"\x80\x04]", b"cos\nsystem\n."])
def test_other_files_are_no_templates(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "d.pkl"
    path.write_bytes(content)
    with pytest.raises(VideoUnsupported, match=r"d\.pkl"):
        load_template(path)


def nested(levels: int) -> list[object]:
    """Lists of the one list below, twice: few bytes, whose text has 2^levels parts."""
    inner: list[object] = []
    for _ in range(levels):
        inner = [inner, inner]
    return inner


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Each took time or memory that grows as 2^n, or reserves what a number in it says.
        (pickle.dumps(original() | {"n_frames": nested(15)}), "says n_frames list and holds 3"),
        (pickle.dumps(original() | {"output_fps": nested(15)}), "has list/1 frames a second"),
        (pickle.dumps(original() | {("a", "tuple"): 1}), "a key that is no text"),
        (b"\x80\x02})" + 5 * b"2\x86" + b"K\x01s.", "does DUP, which no template needs"),
        (b"\x80\x02\x8b\x04\0\0\0\0\0\0\1.", "does LONG4"),
        (b"\x80\x05\x96" + (1 << 33).to_bytes(8, "little") + b".", "8589934592 bytes"),
        (b"\x80\x04" + 200 * b"]" + b".", "more than 100 operations"),
        # A class of the reader's own is not given another method.
        (b"cnumpy\ndtype\n}}X\x05\0\0\0plainNs\x86b.", "gives a state to what has none"),
        (b"\x80\x04]]R.", "calls what is no class"),
    ],
)
def test_a_pickle_does_nothing_that_no_template_needs(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "operations" in message:
        monkeypatch.setattr(pickle_machine, "MOST_OPERATIONS", 100)
    path = tmp_path / "d.pkl"
    path.write_bytes(content)
    with pytest.raises(VideoUnsupported, match=message):
        load_template(path)


@given(position=st.integers(0, 10_000), value=st.integers(0, 255), is_pickle=st.booleans())
def test_a_damaged_file_never_ends_otherwise(
    position: int, value: int, is_pickle: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "d.pkl"
    if is_pickle:
        path.write_bytes(pickle.dumps(original(), protocol=4))
    else:
        save_template(template(), path)
    data = bytearray(path.read_bytes())
    data[position % len(data)] = value
    path.write_bytes(data)
    try:
        loaded = load_template(path)
    except VideoUnsupported:
        return
    assert loaded.frame_count == 3


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoUnsupported, match=r"nowhere\.npz cannot be read"):
        load_template(tmp_path / "nowhere.npz")


def changed(path: Path, **arrays: object) -> Path:
    """One of our files with arrays exchanged; None takes one out."""
    save_template(template(), path)
    with np.load(path) as content:
        kept = {**dict(content), **arrays}
    wanted = {name: np.asarray(array) for name, array in kept.items() if array is not None}
    np.savez(path, allow_pickle=False, **wanted)
    return path


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"rotation": None}, "it lacks rotation"),
        ({"format_version": 2}, "has version 2; accepted: 1"),
        ({"fps": [30, 0]}, "30/0 frames a second"),
        ({"fps": [30]}, "is damaged"),
        ({"fps": [1000, 1]}, "accepted: above 0, up to 240"),
        ({"warnings": ["NEWS"]}, "NEWS"),
        ({"scale": np.zeros((4, 1), np.float32)}, r"has scale of shape \(4, 1\)"),
        ({"scale": np.full((3, 1), np.inf, np.float32)}, "not finite"),
        ({"expression": np.zeros((), np.float32)}, r"has canonical_keypoints|has expression"),
        ({"expression": np.zeros((3, 21, 3), np.int32)}, "type int32"),
        ({"scale": np.full((3, 1), 1e300)}, "not finite"),  # in 32 bits
    ],
)
def test_one_of_our_files_that_is_wrong_says_how(
    arrays: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(VideoUnsupported, match=message):
        load_template(changed(tmp_path / "motion.npz", **arrays))


def test_no_pickle_hides_in_an_archive(tmp_path: Path) -> None:
    path = tmp_path / "motion.npz"
    np.savez(path, allow_pickle=True, motion=np.array([{"exp": 1}], dtype=object))
    with pytest.raises(VideoUnsupported, match=r"motion\.npz is damaged"):
        load_template(path)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (10000000000000, 1), }", "is damaged"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1" + "0" * 30 + ", 1), }",
            "is damaged",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (True,), }", "is damaged"),
        ("", "it lacks scale"),
    ],
)
def test_an_array_that_says_too_much_of_itself_is_damaged(
    tmp_path: Path, header: str, message: str
) -> None:
    path = changed(tmp_path / "motion.npz", scale=None)
    with zipfile.ZipFile(path, "a") as archive:
        start = b"\x93NUMPY\x01\0" + (len(header) + 1).to_bytes(2, "little")
        archive.writestr("scale.npy", start + header.encode() + b"\n" if header else b"junk")
    with pytest.raises(VideoUnsupported, match=message):
        load_template(path)


def test_a_cut_archive_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "motion.npz"
    save_template(template(), path)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(VideoUnsupported, match="is damaged"):
        load_template(path)


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npz_module, "MAX_TEMPLATE_BYTES", 1_000_000)
    path = tmp_path / "motion.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("expression.npy", b"\0" * 2_000_000)
    assert path.stat().st_size < 10_000
    with pytest.raises(VideoUnsupported, match="unpacks to 2000000 bytes"):
        load_template(path)
