"""Boxes through a clip: averaged ahead, never across frames without a face."""

import numpy as np
import pytest

from liveportrait_core.lipsync.base import FaceBox
from liveportrait_core.lipsync.boxes import AVERAGED_AHEAD, averaged_ahead, face_box


def box(x0: float) -> FaceBox:
    return FaceBox(x0=x0, y0=0, x1=x0 + 100, y1=100)


def averaged(lefts: list[float | None]) -> list[float | None]:
    items = [(index, None if left is None else box(left)) for index, left in enumerate(lefts)]
    result = list(averaged_ahead(items))
    assert [index for index, _ in result] == list(range(len(lefts)))
    return [None if found is None else found.x0 for _, found in result]


@pytest.mark.parametrize(
    ("lefts", "expected"),
    [
        ([], []),
        ([3], [3]),
        ([0, 10], [5, 10]),
        ([0, 1, 2, 3, 4, 5, 6], [2, 3, 4, 4.5, 5, 5.5, 6]),
        ([0, 10, None, 100, 200], [5, 10, None, 150, 200]),
        ([None, None, 4], [None, None, 4]),
    ],
)
def test_a_run_is_averaged_ahead(lefts: list[float | None], expected: list[float | None]) -> None:
    assert averaged(lefts) == expected


def test_no_more_than_five_items_are_held() -> None:
    drawn = list[int]()

    def items() -> "object":
        for index in range(20):
            drawn.append(index)
            yield index, box(index)

    next(averaged_ahead(items()))  # type: ignore[arg-type]
    assert len(drawn) == AVERAGED_AHEAD


def test_a_face_too_narrow_to_paint_into_is_none() -> None:
    points = np.zeros((478, 3), np.float32)
    points[:, :2] = np.random.default_rng(0).uniform(0, 1, (478, 2))
    points[0, :2], points[1, :2] = (0, 0), (1, 1)
    assert face_box(points * 31) is None
    found = face_box(points * 200)
    assert found is not None
    assert found.width == pytest.approx(200)
    assert found.y1 > 200  # lengthened below the chin
