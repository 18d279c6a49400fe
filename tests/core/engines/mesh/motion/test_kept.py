"""The mesh engine's motion, kept: the same video as from the clip, to the last bit."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from liveportrait_core.engines.mesh.engine import MeshEngine
from liveportrait_core.options import RenderOptions, SyntheticIdle
from liveportrait_core.pipeline.motion_cache import pack_motion, unpack_motion
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import Frame
from liveportrait_core.request import CachedMotion, Clip, RenderRequest

OPTIONS = RenderOptions(driving_multiplier=1.0, source_max_dim_px=512)


def stored(picture: Frame, path: Path) -> Path:
    cv2.imwrite(str(path), cv2.cvtColor(cv2.resize(picture, (256, 256)), cv2.COLOR_RGB2BGR))
    return path


def test_the_same_video_from_kept_motion(
    engine: MeshEngine, hopper: Frame, astronaut: Frame, tmp_path: Path
) -> None:
    renderer = Renderer(engine, reason="a test asks for it")
    portrait, person = stored(hopper, tmp_path / "p.png"), stored(astronaut, tmp_path / "d.png")
    clip, kept = tmp_path / "clip.mp4", list[bytes]()
    renderer.render(
        RenderRequest(
            portrait=person, motion=SyntheticIdle(seconds=1.0), output=clip, options=OPTIONS
        )
    )

    first = renderer.render(
        RenderRequest(
            portrait=portrait, motion=Clip(path=clip), output=tmp_path / "a.mp4", options=OPTIONS
        ),
        on_motion=kept.append,
    )
    again = renderer.render(
        RenderRequest(
            portrait=portrait,
            motion=CachedMotion(data=kept[0]),
            output=tmp_path / "b.mp4",
            options=OPTIONS,
        )
    )
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    assert replace(again, seconds=()) == replace(first, seconds=())
    assert again.quality is not None
    assert (again.quality.driving_frames, again.quality.frames_without_face) == (30, 0)

    analysis = renderer.analyse(clip, max_seconds=10.0)
    motion = pack_motion(engine, analysis, max_seconds=10.0)
    assert motion == kept[0]
    template = unpack_motion(engine, motion, max_seconds=10.0).motion
    for name, array in analysis.motion.arrays.items():
        found = template.arrays[name]
        assert (found.dtype, found.strides) == (array.dtype, array.strides)
        assert np.array_equal(found, array)
