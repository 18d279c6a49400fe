"""Letting the portrait, or the driving clip, say a sound: the Animate page's group of controls."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import gradio as gr

from liveportrait_core import Engine, SpeechInput
from liveportrait_core.options import (
    MOST_SPEECH_STRENGTH,
    MouthInside,
    SpeechHead,
    SpeechMethod,
)
from liveportrait_core.pipeline.talk_methods import (
    BUILT_IN,
    REFINER,
    WAV2LIP,
    TalkMethod,
    find_methods,
)
from web.studio.animate.controls import Controls
from web.studio.controls import error_slot

_PORTRAIT: Final = "portrait"
_CLIP: Final = "clip"
_NO_PAINTER: Final = (
    "A clip could speak by a method that paints mouths, and none is installed here: "
    f"{WAV2LIP.name} ({WAV2LIP.licence.words}) takes `avatar-idle {WAV2LIP.missing}`."
)
_PAINTER: Final = (
    "Of a clip the mouth alone changes: the portrait, and what is set outside this box, have no "
    "part in it."
)


class Speaking:
    """The controls; adds them to the blocks that are being built."""

    def __init__(self, engine: Engine, weights: Path) -> None:
        """Add them.

        Args:
            engine: that renders; what it cannot do is disabled.
            weights: the folder of the methods' files.
        """
        self._here = tuple(find_methods(engine, weights).methods.values())
        self._can_refine = REFINER.is_installed(weights)
        with gr.Accordion("Let it speak", open=False, elem_id="a-speak"):
            self.speaker: Any = self._speaker()
            self.sound: Any = gr.Audio(
                label="What is said", type="filepath", sources=["upload"], buttons=["download"],
                elem_id="a-sound",
            )  # fmt: skip
            self.sound_error = error_slot("a-sound-error")
            self.text: Any = gr.Textbox(
                label="The same in letters (helps the mouth)", elem_id="a-text"
            )
            method, accepted = self._method(), self._accepted()
            self.method_error = error_slot("a-method-error")
            mouth = self._mouth(engine)
            repeat = gr.Checkbox(
                label="Begin the clip again where the sound is longer", visible=False,
                elem_id="a-repeat",
            )  # fmt: skip
        self.params: Controls = {
            "method": method, "acceptLicences": accepted, "repeat": repeat, **mouth,
        }  # fmt: skip
        talks = [self.text, *(mouth[name] for name in ("strength", "inside", "head"))]
        self.speaker.change(
            lambda speaker: (
                gr.Dropdown(choices=self._choices(speaker), value=SpeechMethod.AUTO.value),
                gr.Checkbox(visible=speaker == _CLIP),
                *(gr.update(visible=speaker != _CLIP) for _ in talks),
            ),
            [self.speaker],
            [method, repeat, *talks],
            show_progress="hidden",
        )

    @staticmethod
    def is_clip(speaker: str) -> bool:
        """Tell what the value of `speaker` means: the driving clip speaks, not the portrait."""
        return speaker == _CLIP

    def _speaker(self) -> Any:
        can = any(each.open_lipsync for each in self._here)
        return gr.Radio(
            [("the portrait", _PORTRAIT), ("the driving clip, its mouth painted anew", _CLIP)],
            value=_PORTRAIT, label="What speaks", interactive=can,
            info=_PAINTER if can else _NO_PAINTER, elem_id="a-speaker",
        )  # fmt: skip

    def _choices(self, speaker: str) -> list[tuple[str, str]]:
        """Return the methods that can move the mouth of what speaks."""
        fitting = [each for each in self._here if speaker != _CLIP or each.open_lipsync]
        return [
            ("the best that may be used", SpeechMethod.AUTO.value),
            *((f"{each.name} ({each.licence.words})", each.name) for each in fitting),
        ]

    def _method(self) -> Any:
        return gr.Dropdown(
            self._choices(_PORTRAIT), value=SpeechMethod.AUTO.value, label="Method",
            elem_id="a-method", info=_missing(self._here),
        )  # fmt: skip

    def _accepted(self) -> Any:
        licences = {each.name: each.licence for each in self._here}
        if self._can_refine:
            licences[REFINER.name] = REFINER.licence
        restricted = {name: each.words for name, each in licences.items() if not each.is_free}
        return gr.CheckboxGroup(
            [
                (f"{name}, {words}: my use keeps to that", name)
                for name, words in restricted.items()
            ],
            label="Licences that restrict the use", visible=bool(restricted), elem_id="a-accepted",
            info="What is not ticked is not used.",
        )  # fmt: skip

    def _mouth(self, engine: Engine) -> Controls:
        strength = gr.Slider(
            0, MOST_SPEECH_STRENGTH, SpeechInput.strength, step=0.01, elem_id="a-strength",
            label="Mouth's movement",
        )  # fmt: skip
        refine = gr.Dropdown(
            [("no", None), (f"by {REFINER.name} ({REFINER.licence.words})", REFINER.name)],
            value=None, label="Sharpen a painted mouth", visible=self._can_refine,
            elem_id="a-refine",
        )  # fmt: skip
        with gr.Row():
            inside = gr.Dropdown(
                [("painted", MouthInside.PAINTED.value), ("nothing: lips hardly part", "nothing")],
                value=SpeechInput.inside.value, interactive=engine is Engine.MESH,
                label="Inside of a closed mouth", min_width=140, elem_id="a-inside",
            )  # fmt: skip
            head = gr.Dropdown(
                [("the idle", SpeechHead.IDLE.value), ("the voice", SpeechHead.SPEECH.value)],
                value=SpeechInput.head.value, label="What moves the head", min_width=140,
                interactive=any(each.open_motion for each in self._here), elem_id="a-head",
            )  # fmt: skip
        return {"strength": strength, "refine": refine, "inside": inside, "head": head}


def _missing(here: Sequence[TalkMethod]) -> str | None:
    names = {each.name for each in here}
    missing = [f"{each.name} ({each.licence.words})" for each in BUILT_IN if each.name not in names]
    if not missing:
        return None
    return f"Not installed: {', '.join(missing)}; `avatar-idle methods` says what they need."
