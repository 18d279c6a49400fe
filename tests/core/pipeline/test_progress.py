"""How far a render is, told honestly; and that giving up reaches what blocks."""

import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liveportrait_core.errors import Cancelled
from liveportrait_core.pipeline.progress import (
    EncodingProgress,
    RenderProgress,
    run_watched,
)
from liveportrait_core.report import Progress, Stage

shares = st.lists(st.floats(-0.5, 1.5), min_size=1, max_size=30)


@dataclass
class FakeClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Encoder:
    """An encoder that looks ahead."""

    frames_encoded: int = 0
    seconds_per_frame: float = 0.0


class Door:
    """Blocks its thread until it is killed."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def kill(self) -> None:
        self.opened.set()


def progress_of(
    total: int, drawn: int, pace_s: float, warm_up_s: float, encoder: Encoder
) -> EncodingProgress:
    clock = FakeClock()
    encoding = EncodingProgress(total, clock)
    clock.now_s += warm_up_s
    for place in range(drawn):
        clock.now_s += pace_s if place else 0.0
        encoding.count(encoder)
    return encoding


@given(
    total=st.integers(20, 600),
    share=st.floats(0.2, 0.95),
    pace_s=st.floats(0.01, 10),
    warm_up_s=st.floats(0, 100),
)
def test_a_slow_engine_with_an_idle_encoder_is_told_to_the_second(
    total: int, share: float, pace_s: float, warm_up_s: float
) -> None:
    drawn = max(4, int(total * share))
    encoder = Encoder(frames_encoded=max(0, drawn - 55))
    left_s = progress_of(total, drawn, pace_s, warm_up_s, encoder).remaining_s()
    assert left_s == pytest.approx((total - drawn) * pace_s)


def test_frames_that_wait_in_the_encoder_count_by_its_own_pace() -> None:
    encoder = Encoder(frames_encoded=240, seconds_per_frame=0.05)
    assert progress_of(300, 300, 0.05, 0, encoder).remaining_s() == pytest.approx(60 * 0.05)


def test_too_early_nothing_is_told() -> None:
    assert progress_of(300, 14, 0.1, 5, Encoder()).remaining_s() is None
    assert progress_of(300, 15, 0.1, 5, Encoder()).remaining_s() is not None
    assert progress_of(20, 2, 0.1, 5, Encoder()).remaining_s() is None


@given(total=st.integers(1, 600), drawn=st.integers(0, 600), encoded=st.integers(0, 600))
def test_the_share_lies_between_nothing_and_everything(
    total: int, drawn: int, encoded: int
) -> None:
    drawn = min(drawn, total)
    share = progress_of(total, drawn, 0.1, 0, Encoder(frames_encoded=min(encoded, drawn))).done()
    assert 0 <= share <= 1 + 1e-9
    assert (share > 1 - 1e-9) == (drawn == total == min(encoded, drawn))


@given(motion=shares, rendering=shares)
def test_the_fraction_never_falls_and_stays_within_its_stage(
    motion: list[float], rendering: list[float]
) -> None:
    progress = RenderProgress()
    told = [progress.now()]
    progress.enter(Stage.PREPARE)
    told.append(progress.now())
    for stage, course in ((Stage.MOTION, motion), (Stage.SPEECH, [1.0]), (Stage.RENDER, rendering)):
        current = [0.0]
        progress.enter(stage, lambda current=current: current[0], lambda: 7.0)  # type: ignore[misc]
        for share in course:
            current[0] = share
            told.append(progress.now())
    progress.enter(Stage.ENCODE)
    told.append(progress.now())
    fractions = [moment.fraction for moment in told]
    assert fractions == sorted(fractions)
    assert all(0 <= fraction <= 1 for fraction in fractions)
    assert all(moment.fraction <= 0.25 for moment in told if moment.stage is Stage.MOTION)
    assert told[-1].eta_s == 7.0
    assert [part.stage for part in progress.stage_seconds()] == list(Stage)


def test_giving_up_opens_what_blocks_and_ends_at_the_next_check() -> None:
    progress, door = RenderProgress(), Door()
    ended: list[bool] = []

    def work() -> None:
        progress.enter(Stage.MOTION, lambda: 0.5)
        with progress.register_child(door):
            door.opened.wait()
        with pytest.raises(Cancelled):
            progress.check()
        ended.append(True)

    def watch(moment: Progress) -> None:
        raise TimeoutError("enough")

    with pytest.raises(TimeoutError, match="enough"):
        run_watched(work, progress, watch)
    assert ended == [True]


def test_nothing_new_begins_once_it_is_given_up() -> None:
    progress = RenderProgress()
    progress.cancel()
    with pytest.raises(Cancelled):
        progress.enter(Stage.RENDER)
    with pytest.raises(Cancelled), progress.register_child(Door()):
        pytest.fail("must not be entered")


def test_without_a_watcher_the_result_comes_all_the_same() -> None:
    assert run_watched(lambda: threading.current_thread().name, RenderProgress(), None).startswith(
        "render"
    )
