"""What was measured on a video, in words: what is good, and what is not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from liveportrait_core.report import largest_loop_step

_JUST_NOTICEABLE = 2.3  # of two colours, CIE76
_ON_TIME_MS = 1.0
_CLOSED_LIPS = 0.05  # opening relative to width
_CALM_PER_MILLE = 1.0  # of the longest side: one pixel of a thousand


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence."""

    words: str
    is_good: bool = True


def findings(report: Mapping[str, Any], *, loops: bool, closes: bool) -> Iterator[Finding]:
    """Yield what a quality report (`QualityReport.as_json`) means.

    Args:
        report: the measurements; what is None was not measured.
        loops: whether the end was to meet the beginning.
        closes: whether the lips were to be closed at rest.
    """
    yield _rate(report["rate"], report["frames"])
    if loops:
        yield _loop(report["loop"])
    if report["jitterPerMille"]["result"] is not None:
        yield _jitter(**report["jitterPerMille"])
    if closes and report["lipRatio"]["atRest"] is not None:
        yield _lips(report["lipRatio"]["atRest"])
    if report["border"]["ringDeltaE"] is not None:
        yield _border(report["border"])
    if report["framesWithoutFace"] is not None and report["drivingFrames"]:
        yield _face(report["framesWithoutFace"], report["drivingFrames"])
    yield _file(report["file"])


def _rate(rate: Mapping[str, Any], frames: int) -> Finding:
    if rate["worstOffsetMs"] < _ON_TIME_MS:
        return Finding(words=f"{frames} frames at exactly {rate['wanted']} a second.")
    return Finding(
        words=f"{frames} frames at {rate['wanted']} a second; one is shown "
        f"{rate['worstOffsetMs']:.0f} ms off its time.",
        is_good=False,
    )


def _loop(loop: Mapping[str, float]) -> Finding:
    last, usual = loop["lastToFirstLevels"], loop["medianStepLevels"]
    if last <= largest_loop_step(usual):
        return Finding(words="The loop is closed: its end meets its beginning.")
    return Finding(
        words=f"The loop jumps: {last:.1f} grey levels from the last frame to the first, where a "
        f"usual step is {usual:.1f}.",
        is_good=False,
    )


def _jitter(driving: float | None, result: float) -> Finding:
    if result <= _CALM_PER_MILLE:
        return Finding(words="It does not tremble.")
    if driving is not None and result <= driving:
        return Finding(words="It trembles no more than the clip.")
    than = "" if driving is None else f", the clip by {driving:.2g}: a calmer clip helps"
    return Finding(
        words=f"It trembles by {result:.2g} thousandths of the picture{than}.", is_good=False
    )


def _lips(at_rest: float) -> Finding:
    if at_rest <= _CLOSED_LIPS:
        return Finding(words="The lips are closed at rest.")
    return Finding(
        words=f"The lips are open at rest, by {100 * at_rest:.0f} % of their width.", is_good=False
    )


def _border(border: Mapping[str, float | None]) -> Finding:
    colour, outside = border["ringDeltaE"] or 0.0, border["touchedOutsideShare"] or 0.0
    if outside > 0:
        share = f"{100 * outside:.2g} %"
        return Finding(words=f"{share} of what is around the face has changed.", is_good=False)
    if colour > _JUST_NOTICEABLE:
        return Finding(
            words=f"Along the border the colours are off by {colour:.1f}; {_JUST_NOTICEABLE} is "
            "just seen.",
            is_good=False,
        )
    return Finding(words="No seam is seen, and around the face nothing has changed.")


def _face(missing: int, frames: int) -> Finding:
    if missing == 0:
        return Finding(words="The clip shows its face in every frame.")
    return Finding(
        words=f"In {missing} of the clip's {frames} frames no face was found; they were left out "
        "or bridged.",
        is_good=False,
    )


def _file(file: Mapping[str, Any]) -> Finding:
    size, peak = file["bytes"], file["peakMbitPerS"]
    words = f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
    return Finding(words=words + ("." if peak is None else f", at most {peak:.1f} Mbit a second."))


def quality_html(report: Mapping[str, Any] | None, *, loops: bool, closes: bool) -> str:
    """Return the findings as a list; nothing where nothing was measured."""
    if report is None:
        return ""
    items = "".join(
        f"<li>{'' if each.is_good else '<b>Look at this:</b> '}{escape(each.words)}</li>"
        for each in findings(report, loops=loops, closes=closes)
    )
    return f"<h4>How good is it?</h4><ul>{items}</ul>"
