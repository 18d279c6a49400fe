"""Animals behind the renderer's door: the right engine, opened when it is wanted."""

from dataclasses import replace
from pathlib import Path

import pytest

from liveportrait_core.__main__ import main
from liveportrait_core.engines.liveportrait.animals.engine import AnimalEngine
from liveportrait_core.engines.liveportrait.config import EngineConfig
from liveportrait_core.engines.liveportrait.engine import LivePortraitEngine
from liveportrait_core.errors import InvalidOption, MethodNotInstalled
from liveportrait_core.face.finders import MeshFinder
from liveportrait_core.options import Engine, RenderOptions
from liveportrait_core.renderer import Renderer, open_renderer
from liveportrait_core.request import CachedMotion, Clip, RenderRequest
from liveportrait_core.species import FacePlace, Species
from tests.core.engines.liveportrait.animals.test_engine import OPTIONS, PASTED
from tests.core.engines.liveportrait.test_engine import quick_model
from tests.golden.synthetic_weights import animal_tree

ANIMAL_FILES = "liveportrait_animals/base_models_v1.1/motion_extractor.pth"


def animals() -> AnimalEngine:
    return AnimalEngine(quick_model(), MeshFinder(), None, digests=["cafe"])


def both() -> Renderer:
    people = LivePortraitEngine(quick_model(), MeshFinder(), None, digests=["f00d"])
    return Renderer(people, reason="", open_animals=lambda: Renderer(animals(), reason=""))


def request(
    portrait: Path | Clip, driving: Path, out: Path, options: RenderOptions
) -> RenderRequest:
    return RenderRequest(portrait=portrait, motion=Clip(path=driving), output=out, options=options)


def test_a_clip_moves_an_animal_and_its_motion_is_kept(
    portrait: Path, driving: Path, tmp_path: Path
) -> None:
    renderer, kept = both(), list[bytes]()
    out = tmp_path / "cat.mp4"
    video = renderer.render(request(portrait, driving, out, OPTIONS), on_motion=kept.append)
    assert (video.width_px, video.height_px) == (512, 512)
    assert video.frame_count == 13  # all: nobody is looked for, so none is left out
    assert video.engine is Engine.LIVEPORTRAIT
    assert video.engine_version == animals().version != renderer.engine_version
    again = replace(request(portrait, driving, out, PASTED), motion=CachedMotion(data=kept[0]))
    assert renderer.render(again).width_px == 320


def test_a_clip_of_an_animal_is_refused(driving: Path, tmp_path: Path) -> None:
    asked = request(Clip(path=driving), driving, tmp_path / "cat.mp4", OPTIONS)
    with pytest.raises(InvalidOption, match="animals are animated in pictures only"):
        both().render(asked)


def test_the_engine_of_animals_is_opened_once_and_only_for_them() -> None:
    renderer = both()
    assert renderer.for_species(Species.HUMAN) is renderer
    opened = renderer.for_species(Species.ANIMAL)
    assert opened is renderer.for_species(Species.ANIMAL) is not renderer
    mesh = open_renderer("mesh", Path("weights"))
    assert mesh.for_species(Species.ANIMAL) is mesh, "the mesh engine moves them by itself"


def test_xpose_is_refused_whatever_the_engine(portrait: Path) -> None:
    options = replace(OPTIONS, face_points=FacePlace.XPOSE)
    for renderer in (both(), open_renderer("mesh", Path("weights"))):
        with pytest.raises(MethodNotInstalled, match="X-Pose is not installed"):
            renderer.prepare(portrait, options)


def test_missing_networks_are_named_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MethodNotInstalled, match=rf"{ANIMAL_FILES}.*--to {tmp_path} --animals"):
        open_renderer("liveportrait", tmp_path, species=Species.ANIMAL)
    assert open_renderer("auto", tmp_path, species=Species.ANIMAL).engine is Engine.MESH


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--species", "animal", "--face-points", "xpose"], "METHOD_NOT_INSTALLED: face points"),
        (["--species", "animal", "--engine", "liveportrait"], "weights fetch --to weights --ani"),
        (["--face-points", "cropped"], "the species is human"),
        (["--species", "animal", "--face-points", "0.1,0.2"], "1 of them; accepted: three points"),
        (["--species", "cat"], "invalid"),
    ],
)
def test_the_command_line_says_what_is_missing_or_wrong(
    portrait: Path, driving: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    command = ["render", str(portrait), str(driving), "-o", "out.mp4", *more]
    try:
        status = main(command)
    except SystemExit as exit_:  # as argparse ends
        status = int(str(exit_.code))
    assert status != 0
    assert said in capsys.readouterr().err


@pytest.mark.soak
def test_real_files_of_animals_open(portrait: Path, driving: Path, tmp_path: Path) -> None:
    """The official layout, through the code that will load the real files; one frame is drawn."""
    config = EngineConfig(device="cpu-torch")
    renderer = open_renderer("auto", animal_tree(), config, Species.ANIMAL)
    assert renderer.engine is Engine.LIVEPORTRAIT
    template = renderer.analyse(driving, max_seconds=1)
    prepared = renderer.prepare(portrait, OPTIONS)
    frame = next(renderer.animate(prepared, template, OPTIONS))
    assert frame.shape == (512, 512, 3)
