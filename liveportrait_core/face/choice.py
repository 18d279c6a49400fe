"""The choice of a detector and of a face, without opening one."""

from enum import StrEnum
from importlib.metadata import version


class FaceOrder(StrEnum):
    """Which of several faces comes first."""

    LARGEST_CENTRAL = "largest-central"  # area, less twice the squared distance from the middle
    LARGE_SMALL = "large-small"
    SMALL_LARGE = "small-large"
    LEFT_RIGHT = "left-right"
    RIGHT_LEFT = "right-left"
    TOP_BOTTOM = "top-bottom"
    BOTTOM_TOP = "bottom-top"


class Detector(StrEnum):
    """Who finds the face."""

    MEDIAPIPE = "mediapipe"  # free for any use, and there already
    INSIGHTFACE = "insightface"  # the original's; its files are for non-commercial research only


def finder_version(detector: Detector) -> str:
    """Return the version that a finder of this maker has; opens none."""
    return f"{detector} {version(detector)}"
