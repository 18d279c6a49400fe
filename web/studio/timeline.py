"""Key frames of edits: a small table on the Edit page, whose motion Animate can take."""

import tempfile
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from liveportrait_core.edit import PortraitEdit
from liveportrait_core.edit_sequence import (
    HIGHEST_FPS,
    LOWEST_FPS,
    MOST_FRAMES,
    EditSequence,
    edit_sequence,
    read_edit_sequence,
)
from liveportrait_core.errors import InvalidOption

Keys = Mapping[int, PortraitEdit]
_FPS = 25


def sequence_of(keys: Keys, fps: float) -> EditSequence:
    """Return the motion.

    Raises:
        InvalidOption: the keys make none; says why.
    """
    told = [{"frame": frame, "edit": keys[frame].as_fields()} for frame in sorted(keys)]
    return edit_sequence({"fps": fps, "keys": told})


def rows(keys: Keys, fps: float) -> list[list[str]]:
    """Return the table: frame, second, edit."""
    return [
        [str(frame), f"{frame / fps:.2f}" if fps else "", str(keys[frame]) or "as in the picture"]
        for frame in sorted(keys)
    ]


def told(keys: Keys, fps: float) -> str:
    """Say how long the motion is, or what it lacks."""
    if len(keys) == 1:
        return "<div role=status>One key so far; a motion has two or more.</div>"
    try:
        sequence = sequence_of(keys, fps)
    except InvalidOption as error:
        return f"<div role=status><b>{escape(str(error))}</b></div>"
    seconds = float(sequence.frame_count / sequence.fps)
    return f"<div role=status>{sequence.frame_count} frames, {seconds:.2f} s.</div>"


def edit_at(keys: Keys, fps: float, frame: int) -> PortraitEdit:
    """Return the eased edit of a frame; beyond the last, the last.

    Raises:
        InvalidOption: the keys make no motion.
    """
    edits = list(sequence_of(keys, fps).edits())
    return edits[min(max(frame, 0), len(edits) - 1)]


def saved(keys: Keys, fps: float) -> str:
    """Write edits.json, and return where.

    Raises:
        InvalidOption: the keys make no motion.
    """
    path = Path(tempfile.mkdtemp(prefix="edits-")) / "edits.json"
    path.write_text(sequence_of(keys, fps).as_json(), "utf-8")
    return str(path)


def opened(path: Path) -> tuple[Keys, float]:
    """Return the keys of a file, and its rate.

    Raises:
        InvalidOption: it holds none.
    """
    sequence = read_edit_sequence(path)
    return dict(sequence.keys), float(sequence.fps)


class Timeline:
    """The table and its buttons; `wire` connects them to the page's sliders."""

    def __init__(self) -> None:
        """Add the components to the blocks that are being built."""
        self.keys: Any = gr.State({0: PortraitEdit()})
        gr.Markdown(
            "A motion of your own: move the sliders, choose a frame, *Set key*; between two keys "
            "every slider is eased. Choosing a row brings its face back to the sliders."
        )
        with gr.Row():
            self.frame: Any = gr.Number(
                25, label="Frame", precision=0, minimum=0, maximum=MOST_FRAMES - 1, min_width=90,
                elem_id="t-frame",
            )  # fmt: skip
            self.fps: Any = gr.Number(
                _FPS, label="Frames a second", minimum=LOWEST_FPS, maximum=HIGHEST_FPS,
                min_width=90, elem_id="t-fps",
            )  # fmt: skip
            self.set_key: Any = gr.Button("Set key", elem_id="t-set", min_width=90)
            self.drop_key: Any = gr.Button("Delete key", elem_id="t-drop", min_width=90)
        self.table: Any = gr.Dataframe(
            rows({0: PortraitEdit()}, _FPS),
            headers=["Frame", "Time", "Edit"],
            datatype="str",
            interactive=False,
            column_widths=["64px", "64px", "70%"],
            wrap=True,
            elem_id="t-table",
        )
        self.state: Any = gr.HTML(told({0: PortraitEdit()}, _FPS), elem_id="t-state")
        self.look: Any = gr.Slider(
            0, 1, 0, step=1, label="Look at frame", elem_id="t-look", interactive=True
        )
        with gr.Row():
            self.open: Any = gr.UploadButton(
                "Open edits.json", file_types=[".json"], elem_id="t-open", min_width=110
            )
            self.save: Any = gr.DownloadButton("Save edits.json", elem_id="t-save", min_width=110)
            self.use: Any = gr.Button("Animate these keys", elem_id="t-use", min_width=110)

    @property
    def shown(self) -> list[Any]:
        """What `view` returns values of."""
        return [self.keys, self.table, self.state, self.look, self.save]

    @staticmethod
    def view(keys: Keys, fps: float | None) -> tuple[Any, ...]:
        """Return the components' values for these keys."""
        rate = fps or 0.0
        try:
            file = saved(keys, rate)
        except InvalidOption:
            file = None
        last = max(keys, default=0)
        return keys, rows(keys, rate), told(keys, rate), gr.Slider(maximum=max(last, 1)), file


def with_key(keys: Keys, frame: float | None, edit: PortraitEdit) -> Keys:
    """Return the keys with one more, or another."""
    return {**keys, round(frame or 0): edit}


def without_key(keys: Keys, frame: float | None) -> Keys:
    """Return the keys without one; frame 0 stays."""
    gone = round(frame or 0)
    return {each: edit for each, edit in keys.items() if each != gone or each == 0}
