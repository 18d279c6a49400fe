"""The files a command is given: what kind each is, and the motion of the driving one."""

import argparse
from enum import Enum, auto
from pathlib import Path
from typing import Any

from liveportrait_core.cli.console import Console, progress_bar
from liveportrait_core.cli.template import open_configured, read_template
from liveportrait_core.edit_sequence import EditSequence, read_edit_sequence
from liveportrait_core.errors import (
    AudioUnsupported,
    ImageUnsupported,
    InvalidOption,
    VideoUnsupported,
)
from liveportrait_core.media.file_kind import TEMPLATE_SUFFIXES, Role, kind_of
from liveportrait_core.media.output import require_distinct, require_folder
from liveportrait_core.media.pictures.opening import is_picture
from liveportrait_core.options import Delivery, Engine, RenderOptions
from liveportrait_core.renderer import Renderer
from liveportrait_core.report import RenderedVideo
from liveportrait_core.request import Clip, MotionTemplate, RenderRequest

_READ = {
    "portrait": ImageUnsupported,
    "picture": ImageUnsupported,
    "driving": VideoUnsupported,
    "clip": VideoUnsupported,
    "video": VideoUnsupported,
    "idle": VideoUnsupported,
    "sound": AudioUnsupported,
}
"""The arguments that name one file to read, and the complaint where it is not there."""

_WRITTEN = ("output", "poster", "contact")

_WITHOUT_NETWORKS = {"device": ("auto", "cpu", "cpu-torch"), "precision": ("auto", "fp32")}


class Kind(Enum):
    """What a file can be to the renderer."""

    PICTURE = auto()
    CLIP = auto()
    TEMPLATE = auto()
    EDITS = auto()  # key-framed


def portrait_kind(path: Path) -> Kind:
    """PICTURE or CLIP; a file that is neither counts as a picture, whose reader says what it is."""
    return Kind.CLIP if _is_clip(path) else Kind.PICTURE


def driving_kind(path: Path) -> Kind:
    """TEMPLATE or EDITS by its name; else a still PICTURE; else a CLIP, whose reader judges."""
    if path.suffix in TEMPLATE_SUFFIXES:
        return Kind.TEMPLATE
    if path.suffix == ".json":
        return Kind.EDITS
    return Kind.PICTURE if not _is_clip(path) and is_picture(path) else Kind.CLIP


def _is_clip(path: Path) -> bool:
    kind = kind_of(path) if path.is_file() else None
    return kind is not None and kind.role is Role.CLIP and kind.is_read


def check_files(parsed: argparse.Namespace) -> None:
    """Refuse files before anything is opened for them: it takes seconds to open an engine.

    Of several portraits one that is missing does not stop the others: it is refused in its turn.

    Raises:
        ImageUnsupported, VideoUnsupported, AudioUnsupported: one to read is not there.
        InvalidOption: the one to write is one of them, or its folder is not there.
    """
    given = vars(parsed)
    portraits: list[Path] = given.get("portraits", [])
    read = [(path, error) for name, error in _READ.items() if (path := given.get(name))]
    read += [(path, ImageUnsupported) for path in portraits if len(portraits) == 1]
    for path, error in read:
        if not path.is_file():
            what = f"{path} is a folder" if path.is_dir() else f"there is no file {path}"
            raise error(f"{what}; accepted: a file that is there")
    for name in _WRITTEN:
        if path := given.get(name):
            require_folder(path)
            require_distinct(path, [*portraits, *(file for file, _ in read)])


def add_engine(command: Any) -> None:
    """Add which engine renders."""
    command.add_argument(
        "--engine",
        choices=(Engine.LIVEPORTRAIT.value, Engine.MESH.value, "auto"),
        default="auto",
        help="auto: LivePortrait when it can run here, else mesh (default)",
    )


def open_engine(parsed: argparse.Namespace, console: Console) -> Renderer:
    """Open the requested renderer, and print which it is and why.

    Raises:
        BadInput: as `check_files` does.
        InvalidOption: an option would be ignored.
        EngineUnavailable: LivePortrait was asked for and cannot run here.
    """
    check_files(parsed)
    renderer = open_configured(parsed, parsed.engine)
    console.warn(f"Engine {renderer.engine}: {renderer.reason}.")
    if renderer.engine is Engine.MESH:
        for name, accepted in _WITHOUT_NETWORKS.items():
            if vars(parsed)[name] not in accepted:
                raise InvalidOption(
                    f"--{name} is {vars(parsed)[name]}, and the engine mesh runs on the CPU alone; "
                    f"accepted: {', '.join(accepted)}, or --engine liveportrait"
                )
    return renderer


class DrivingFile:
    """The driving file, analysed at most once."""

    def __init__(self, renderer: Renderer, parsed: argparse.Namespace, kind: Kind) -> None:
        """Read a template or a picture; a clip is analysed when its motion is wanted.

        Raises:
            BadInput: the file is at fault, or the engine cannot use it.
        """
        self.path: Path = parsed.driving
        self._renderer = renderer
        self._max_seconds: float = parsed.max_seconds
        self._template: MotionTemplate | None = None
        self._edits: EditSequence | None = None
        if kind is Kind.TEMPLATE:
            self._template = read_template(self.path, renderer, self._max_seconds)
        elif kind is Kind.EDITS:
            self._edits = read_edit_sequence(self.path)
        elif kind is Kind.PICTURE:
            size = parsed.source_max_dim
            self._template = renderer.analyse_picture(self.path, max_dim_px=size)

    @property
    def is_analysed(self) -> bool:
        """Whether its motion is known."""
        return self._template is not None or self._edits is not None

    def template(self) -> MotionTemplate:
        """Return its motion.

        Raises:
            BadInput: the clip is at fault.
        """
        if self._template is None:
            with progress_bar() as on_progress:
                self._template = self._renderer.analyse(
                    self.path, max_seconds=self._max_seconds, on_progress=on_progress
                )
        return self._template

    def render(
        self,
        portrait: Path,
        output: Path,
        options: RenderOptions,
        delivery: Delivery,
        poster: Path | None = None,
    ) -> RenderedVideo:
        """Animate a picture or a clip by its motion.

        Raises:
            RenderError: as `Renderer.render` does.
        """
        is_clip = portrait_kind(portrait) is Kind.CLIP
        if is_clip:
            self._renderer.require_clips()
        request = RenderRequest(
            portrait=Clip(path=portrait) if is_clip else portrait,
            motion=self._edits or self.template(),
            output=output,
            poster=poster,
            options=options,
            delivery=delivery,
        )
        with progress_bar() as on_progress:
            return self._renderer.render(request, on_progress=on_progress)
