"""Pointing out an animal's face: three taps on the portrait, drawn as they are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image, ImageDraw, ImageOps

from liveportrait_core.species import THREE_TAPS, FacePoints, Point, Species

_SIDE_PX = 640
_DOT = 0.012  # of the picture's longest side
_ASKED = ("one eye", "the other eye", "the mouth")


@dataclass(frozen=True, kw_only=True)
class SpeciesControls:
    """The species, the points as text, and how a tap and its taking back are told of."""

    species: Any
    points: Any
    tapped: Any  # events: something can be done after them
    portrait_changed: Any

    def on_input(self, run: Callable[..., Any], inputs: Sequence[Any], outputs: Any) -> None:
        """Run a function whenever somebody has chosen a species or pointed out a face."""
        self.species.input(run, inputs, outputs)
        self.points.submit(run, inputs, outputs)
        self.tapped.success(run, inputs, outputs)


def species_controls(prefix: str, portrait: Any) -> SpeciesControls:
    """Add the choice of a species, and where to tap.

    Args:
        prefix: of the elements' names.
        portrait: where the portrait is brought.
    """
    with gr.Accordion("An animal", open=False):
        species = gr.Radio(
            [each.value for each in Species], value=Species.HUMAN.value, label="Species",
            elem_id=f"{prefix}-species",
        )  # fmt: skip
        with gr.Column(visible=False) as pointing:
            asked = gr.Markdown(_words(()))
            picture = gr.Image(
                label="Tap here", type="pil", interactive=False, buttons=[],
                elem_id=f"{prefix}-taps",
            )  # fmt: skip
            points = gr.Textbox(
                label="Face points", elem_id=f"{prefix}-points", info="Without taps: x,y x,y x,y "
                "in shares of width and height, or: cropped. Enter takes them.",
            )  # fmt: skip
            again = gr.Button("Tap again", elem_id=f"{prefix}-tap-again")
    taps = gr.State(())
    outputs = [picture, asked, points, taps]

    def begin(path: str | None) -> tuple[Any, ...]:
        return _shown(path, ()), _words(()), "", ()

    def tapped(path: str | None, before: Sequence[Point], event: gr.SelectData) -> tuple[Any, ...]:
        picture = _opened(path)
        if picture is None:
            return begin(path)
        x, y = event.index
        after = (*before[: THREE_TAPS - 1], (x / picture.width, y / picture.height))
        if len(before) >= THREE_TAPS:
            after = after[-1:]
        return _shown(path, after), _words(after), _text(after), after

    species.change(
        lambda species: gr.Column(visible=species == Species.ANIMAL), [species], [pointing],
        show_progress="hidden",
    )  # fmt: skip
    again.click(begin, [portrait], outputs, show_progress="hidden")
    return SpeciesControls(
        species=species,
        points=points,
        tapped=picture.select(tapped, [portrait, taps], outputs, show_progress="hidden"),
        portrait_changed=portrait.change(begin, [portrait], outputs, show_progress="hidden"),
    )


def _words(taps: Sequence[Point]) -> str:
    if len(taps) >= THREE_TAPS:
        return "Pointed out. Another tap begins again."
    return f"LivePortrait does not find an animal's face: tap {_ASKED[len(taps)]}."


def _text(taps: Sequence[Point]) -> str:
    if len(taps) < THREE_TAPS or len(set(taps)) < THREE_TAPS:
        return ""
    return str(FacePoints(points=tuple(taps)))


def _opened(path: str | None) -> Image.Image | None:
    """Return the picture upright, no larger than it is shown; None: it is none, says the render."""
    if path is None:
        return None
    try:
        with Image.open(path) as stored:
            picture = ImageOps.exif_transpose(stored).convert("RGB")
    except (OSError, Image.DecompressionBombError):
        return None
    picture.thumbnail((_SIDE_PX, _SIDE_PX))
    return picture


def _shown(path: str | None, taps: Sequence[Point]) -> Image.Image | None:
    picture = _opened(path)
    if picture is None:
        return None
    draw = ImageDraw.Draw(picture)
    radius = _DOT * max(picture.size)
    for x, y in taps:
        at = (x * picture.width, y * picture.height)
        draw.ellipse(
            (at[0] - radius, at[1] - radius, at[0] + radius, at[1] + radius),
            fill="#ff3b30", outline="white", width=2,
        )  # fmt: skip
    return picture
