"""A method of talking that another package brings, found by its entry point, in a whole render."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from liveportrait_core import (
    Engine,
    Frame,
    MotionTemplate,
    RenderedVideo,
    RenderRequest,
    SpeechInput,
    TalkCut,
)
from liveportrait_core.__main__ import main
from liveportrait_core.errors import (
    InvalidOption,
    MethodNotInstalled,
    MethodNotLicensed,
    MethodTooSlow,
)
from liveportrait_core.pipeline.talk_methods import (
    GROUP,
    REFINER,
    InstalledMethods,
    TalkRefiner,
    find_methods,
)
from liveportrait_core.renderer import Renderer
from liveportrait_core.speech.methods import LICENCES
from tests.core.clips import ffmpeg
from tests.core.sounds import spoken, wav
from tests.core.swaying import Sway, SwayingEngine, soft_portrait

TOY = '''
"""Paints the lower quarter of every frame white while a voice is heard."""

import numpy as np

from liveportrait_core.pipeline.talk_methods import TalkMethod
from liveportrait_core.speech.methods import MethodLicence

LICENCE = MethodLicence(words="toys only", is_free=False)


class Toy:
    name, licence = "toy", LICENCE

    def windows(self, speech, fps, frame_count):
        return np.zeros((frame_count, 1), np.float32)

    def sync(self, frames):
        for frame in frames:
            picture = frame.picture.copy()
            if frame.activity > 0:
                picture[-len(picture) // 4 :] = 255
            yield picture


METHOD = TalkMethod(
    name="toy",
    version="toy-1",
    licence=LICENCE,
    is_installed=lambda weights: True,
    open_lipsync=lambda weights: Toy(),
)
NO_METHOD = "a string"
'''


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package as pip leaves it: a module, and metadata with an entry point."""
    folder = tmp_path / "site"
    metadata = folder / "toy_method-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / "toy_method.py").write_text(TOY)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-method\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{GROUP}]\ntoy = toy_method:METHOD\n")
    monkeypatch.syspath_prepend(str(folder))
    yield metadata
    sys.modules.pop("toy_method", None)


def talk(
    folder: Path,
    method: str,
    *,
    accepted: frozenset[str] = frozenset(),
    methods: InstalledMethods | None = None,
    **asked: Any,
) -> RenderedVideo:
    said = spoken((" ", 0.4), ("a", 0.4), (" ", 0.4))
    request = RenderRequest(
        portrait=soft_portrait(folder / "portrait.png"),
        motion=MotionTemplate(motion=Sway(fps=Fraction(25), frame_count=12)),
        output=folder / "talk.mp4",
        speech=SpeechInput(sound=wav(folder / "said.wav", said), method=method, **asked),
    )
    methods = methods or find_methods(Engine.MESH, folder, accepted)
    return Renderer(SwayingEngine(), reason="a test", methods=methods).render(request)


def lower_quarter(video: Path) -> np.ndarray:
    data = ffmpeg("-i", str(video), "-f", "rawvideo", "-pix_fmt", "gray", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, 200, 160)[:, 150:].mean((1, 2))


def test_a_packages_method_paints_into_frames_just_drawn(toy: Path, tmp_path: Path) -> None:
    made = talk(tmp_path, "toy", accepted=frozenset({"toy"}))
    assert made.talk is not None
    assert (made.talk.method, made.talk.licence) == ("toy", "toys only")
    is_white = lower_quarter(tmp_path / "talk.mp4") > 250
    assert is_white[12:18].all()
    assert not is_white[:8].any()
    assert not is_white[-4:].any()


def test_its_licence_is_asked_for(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(MethodNotLicensed, match="toys only"):
        talk(tmp_path, "toy", accepted=frozenset())
    made = talk(tmp_path, "auto", accepted=frozenset())
    assert made.talk is not None
    assert made.talk.method == "visemes"


def test_an_entry_point_that_names_something_else_is_refused(toy: Path, tmp_path: Path) -> None:
    (toy / "entry_points.txt").write_text(f"[{GROUP}]\ntoy = toy_method:NO_METHOD\n")
    with pytest.raises(InvalidOption, match=r"toy .* names a str"):
        find_methods(Engine.MESH, tmp_path)


def test_a_method_that_takes_too_long_here_is_refused_with_its_figures(
    toy: Path, tmp_path: Path
) -> None:
    toys = frozenset({"toy"})
    with pytest.raises(MethodTooSlow, match=r"toy takes about .* s here for 1\.2 s of sound.*MiB"):
        talk(tmp_path, "toy", accepted=toys, within_s=0)
    assert not (tmp_path / "talk.mp4").exists()
    assert talk(tmp_path, "toy", accepted=toys, within_s=60).talk is not None


def test_the_command_lists_licence_and_cost_of_what_is_here(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["methods", "--weights", str(tmp_path)]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["method", "licence", "here"]
    told = {row.split()[0]: row for row in rows}
    assert set(told) == {"toy", "joyvasa", "wav2lip", "visemes", "gfpgan"}
    assert "toys only" in told["toy"]
    assert " yes " in told["toy"]
    assert "weights convert wav2lip" in told["wav2lip"]
    assert "parts non-commercial  no" in told["gfpgan"]
    assert "pip install spandrel" in told["gfpgan"]


class Polish:
    """A refiner that leaves faces as they are, and says that it takes a second each."""

    name, licence = "gfpgan", LICENCES["gfpgan"]

    def refine(self, picture: Frame, points: NDArray[np.float32]) -> Frame:
        return picture

    def seconds_for(self, faces: int) -> float:
        return float(faces)


POLISH = replace(REFINER, open_refiner=lambda weights: Polish())


def refined(
    folder: Path, *accepted: str, refiners: tuple[TalkRefiner, ...] = (POLISH,), **asked: Any
) -> TalkCut | None:
    found = find_methods(Engine.MESH, folder, frozenset(accepted))
    methods = replace(found, refiners={each.name: each for each in refiners})
    return talk(folder, "toy", methods=methods, refine=True, **asked).talk


def test_a_refiner_has_a_consent_of_its_own(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(MethodNotInstalled, match=r"refiner is gfpgan.*it takes: pip install span"):
        refined(tmp_path, "toy", "gfpgan", refiners=())
    with pytest.raises(MethodNotLicensed, match=r"refiner is gfpgan.*parts non-commercial"):
        refined(tmp_path, "toy")
    made = refined(tmp_path, "toy", "gfpgan")
    assert made is not None
    assert (made.refiner, made.refiner_licence) == ("gfpgan", "Apache-2.0, parts non-commercial")


def test_refining_counts_in_what_a_talk_takes(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(MethodTooSlow, match=r"toy, refined, takes about 30 s") as refusal:
        refined(tmp_path, "toy", "gfpgan", within_s=20)
    assert 30 <= refusal.value.seconds < 31  # 1.2 s at 25 frames, a second each


def test_the_mesh_engine_opens_without_torch(tmp_path: Path) -> None:
    opened = "from pathlib import Path; from liveportrait_core.renderer import open_renderer; "
    asked = f"import sys; open_renderer('mesh', Path({str(tmp_path)!r}))"
    asked += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", opened + asked], capture_output=True, check=True)
    assert done.stdout.strip() == b"False"
