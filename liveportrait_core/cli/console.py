"""Output for people: lines, a progress bar, and the report of a render."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from liveportrait_core.errors import EncodeFailed
from liveportrait_core.media.output import draft_of
from liveportrait_core.report import Progress, RenderedVideo, RenderWarning

Say = Callable[[str], None]

_BAR = "{desc:<24} {percentage:3.0f}% |{bar}| {elapsed}{postfix}"
_STAGE_WORDS = {
    "prepare": "looking at the portrait",
    "motion": "reading the motion",
    "speech": "listening",
    "render": "animating",
    "encode": "finishing the file",
}


@dataclass(frozen=True, kw_only=True)
class Console:
    """Where lines go."""

    say: Say  # results: stdout
    warn: Say  # everything else: stderr


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """Show a bar on stderr while it is a terminal; nothing elsewhere."""
    with tqdm(total=1.0, bar_format=_BAR, file=sys.stderr, disable=None, leave=False) as bar:

        def show(progress: Progress) -> None:
            bar.set_description_str(_STAGE_WORDS[progress.stage], refresh=False)
            bar.postfix = None if progress.eta_s is None else f"about {progress.eta_s:.0f} s left"
            bar.n = progress.fraction
            bar.refresh()

        yield show


def print_report(console: Console, output: Path, report: RenderedVideo) -> None:
    """Print one line for the file, one for each warning."""
    stages = ", ".join(f"{part.stage} {part.seconds:.1f} s" for part in report.seconds)
    console.say(
        f"{output}: {report.width_px}x{report.height_px}, {report.frame_count} frames at "
        f"{float(report.fps):.5g} fps ({report.duration_ms / 1000:.2f} s), "
        f"{_file_words(report)}, by {report.engine_version} ({stages})"
    )
    for warning in report.warnings:
        console.warn(warning_line(warning))


def warning_line(warning: RenderWarning) -> str:
    """Return a warning as people read it: the code, which documentation and app have, and words."""
    return f"Warning {warning}: {warning.words}"


def _file_words(report: RenderedVideo) -> str:
    size = f"{report.size_bytes / 1e6:.2f} MB"
    peak = report.quality.peak_mbit_s if report.quality else None
    return size if peak is None else f"{size}, at most {peak:.1f} Mbit in a second"


def quality_file(output: Path) -> Path:
    """Return where the quality of a file is written: `idle.mp4` → `idle.quality.json`."""
    return output.with_suffix(".quality.json")


def write_quality(console: Console, output: Path, report: RenderedVideo) -> None:
    """Put what was measured beside the file.

    Raises:
        EncodeFailed: it cannot be written.
    """
    if report.quality is None:
        raise ValueError("the renderer measures every render")
    path = quality_file(output)
    try:
        with draft_of(path) as draft:
            draft.write_text(
                json.dumps(report.quality.as_json(), indent=2) + "\n", encoding="utf-8"
            )
    except OSError as error:
        raise EncodeFailed(f"{path} cannot be written: {error}") from error
    console.say(f"{path}: what was measured on it")
