"""Portraits of every kind, size and direction: scenarios 32–35 and 37 of contract.md."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from liveportrait_core.report import Frame
from tests.core.heic import heic
from tests.end_to_end.app import Avatar, Cloud, Media, frames_at, picture_at
from tests.end_to_end.media_kinds import cut, picture, resized, sixteen_bit

pytestmark = pytest.mark.scenarios

CLEARED = Path("/proc/self/clear_refs")
HIGH = 100  # JPEG's quality, so that posters can be compared with what went in


@pytest.fixture(scope="module")
def brief(media: Media, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a second of the usual clip: for tests of portraits the shortest that is accepted."""
    return cut(media.clip, tmp_path_factory.mktemp("brief") / "brief.mp4", "trim=end_frame=15")


@pytest.fixture
def hopper() -> Frame:
    """Grace Hopper at full size."""
    return picture(Path("emulator/seed/grace_hopper.jpg"))


def saved(cloud: Cloud, portrait: Path, brief: Path) -> Avatar:
    """A new avatar of this portrait, just saved."""
    avatar = cloud.avatar(portrait.stem)
    avatar.create(portrait=portrait, clip=brief)
    avatar.save(0.40)
    return avatar


def size_of(live: dict[str, Any]) -> tuple[int, int]:
    return live["width"], live["height"]


def difference(one: Frame, other: Frame) -> float:
    """Mean, in grey levels."""
    return float(np.abs(one.astype(int) - other).mean())


def test_32_of_two_people_the_large_central_one_moves(cloud: Cloud, tmp_path: Path) -> None:
    grace, eileen = (picture(path) for path in (cloud.media.portrait, cloud.media.other_portrait))
    scene = np.full((300, 480, 3), 128, np.uint8)
    scene[:, 60:316] = grace
    scene[20:180, 316:476] = cv2.resize(eileen[10:110, 60:160], (160, 160))
    cv2.imwrite(str(tmp_path / "two.png"), scene[..., ::-1])
    clip = cut(
        cloud.media.clip, tmp_path / "two.mp4",
        "split[a][b];[b]trim=end_frame=1,crop=100:100:60:10,scale=160:160,loop=-1:1,"
        "setpts=N/30/TB[still];[a]crop=160:160:40:0,scale=400:400,pad=640:400:60:0:gray[large];"
        "[large][still]overlay=470:20:shortest=1",
    )  # fmt: skip
    avatar = cloud.avatar("two")
    avatar.create(portrait=tmp_path / "two.png", clip=clip)
    avatar.save(1.0)
    live = avatar.wait_ready(1.0)
    assert live["warnings"] == ["MULTIPLE_FACES_IMAGE", "MULTIPLE_FACES_VIDEO"]
    frames = np.stack(frames_at(live["idleVideoUrl"], tmp_path / "two.png", tmp_path)).astype(int)
    moved = np.abs(frames - frames[0]).max(axis=(0, 3))
    assert np.percentile(moved[:, 60:316], 95) > 20
    assert np.percentile(moved[:180, 330:], 95) < 8  # what the codec does, no more
    assert avatar.renders() == 1


def test_33_a_photograph_that_lies_on_its_side(
    cloud: Cloud, brief: Path, hopper: Frame, tmp_path: Path
) -> None:
    upright = resized(hopper, 3024, 4032)
    stored = Image.fromarray(np.rot90(upright))
    assert stored.size == (4032, 3024)
    exif = Image.Exif()
    exif[0x0112] = 6
    stored.save(tmp_path / "lying.jpg", exif=exif, quality=90)
    avatar = saved(cloud, tmp_path / "lying.jpg", brief)
    live = avatar.wait_ready()
    assert size_of(live) == (1200, 1600)
    assert live["warnings"] == ["IMAGE_DOWNSCALED"]
    poster = picture_at(live["posterUrl"])
    assert difference(poster, resized(upright, 1200, 1600)) < 4
    assert avatar.renders() == 1
    avatar.assert_inputs_untouched()


def kinds(folder: Path, pixels: Frame) -> dict[str, tuple[Frame, list[str]]]:
    """Writes one portrait as files of every kind; by name: how it looks, and what is warned of."""
    grey = np.asarray(Image.fromarray(pixels).convert("L"))
    shown_grey = np.repeat(grey[..., None], 3, axis=2)
    alpha = np.full(grey.shape, 255, np.uint8)
    alpha[:40, :40] = 0
    on_black = pixels * (alpha[..., None] > 0).astype(np.uint8)
    Image.fromarray(np.dstack([pixels, alpha])).save(folder / "alpha.png")
    Image.fromarray(pixels).save(folder / "web.webp", quality=HIGH)
    Image.fromarray(pixels).save(folder / "named.jpg", "PNG")
    Image.fromarray(grey).save(folder / "grey.jpg", quality=HIGH)
    Image.fromarray(pixels).convert("CMYK").save(folder / "print.jpg", quality=HIGH)
    sixteen_bit(pixels, folder / "deep.png")
    sixteen_bit(grey, folder / "deep-grey.png")
    return {
        "alpha.png": (on_black, ["ALPHA_FLATTENED"]),
        "web.webp": (pixels, []),
        "named.jpg": (pixels, ["MIME_MISMATCH"]),
        "grey.jpg": (shown_grey, []),
        "print.jpg": (pixels, []),
        "deep.png": (pixels, []),
        "deep-grey.png": (shown_grey, []),
    }


def test_34_pictures_of_every_kind(cloud: Cloud, brief: Path, tmp_path: Path) -> None:
    wanted = kinds(tmp_path, picture(cloud.media.portrait))
    avatars = {name: saved(cloud, tmp_path / name, brief) for name in wanted}
    for name, (looks, warnings) in wanted.items():
        live = avatars[name].wait_ready()
        assert live["warnings"] == warnings, name
        assert size_of(live) == (256, 300)
        assert difference(picture_at(live["posterUrl"]), looks) < 4, name
        assert avatars[name].renders() == 1


def test_35_what_can_be_decoded_is_and_the_rest_is_refused(
    cloud: Cloud, brief: Path, tmp_path: Path
) -> None:
    pixels = picture(cloud.media.portrait)
    still = Image.fromarray(pixels)
    still.save(tmp_path / "still.avif", quality=90)
    still.save(tmp_path / "moving.gif", save_all=True, append_images=[still.rotate(9)], duration=99)
    (tmp_path / "telephone.heic").write_bytes(heic(pixels))
    (tmp_path / "cut.heic").write_bytes(heic(pixels)[:-200])
    still.save(tmp_path / "cut.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "cut.jpg").read_bytes()[:5000])
    (tmp_path / "noise.png").write_bytes(np.random.default_rng(3).bytes(4000))
    (tmp_path / "empty.jpg").touch()
    decoded, refused = (
        ("still.avif", "moving.gif", "telephone.heic"),
        ("cut.heic", "cut.jpg", "noise.png", "empty.jpg"),
    )
    avatars = {name: saved(cloud, tmp_path / name, brief) for name in (*decoded, *refused)}
    for name in decoded:
        live = avatars[name].wait_ready()
        assert size_of(live) == (256, 300)
        assert difference(picture_at(live["posterUrl"]), pixels) < 8, name
    for name in refused:
        failed = avatars[name].wait_state("failed")
        assert failed["error"] == {
            "code": "IMAGE_UNSUPPORTED", "retryable": False, "field": "avatarImageUrl",
        }, name  # fmt: skip
        assert avatars[name].output_names() == []  # nothing was rendered
        assert avatars[name].renders() == 1  # looked at once, and never again


def peak_mib(cloud: Cloud) -> int:
    """The largest memory that a process of the renderer has held since `forget_peak`."""
    return max(
        int(line.split()[1]) // 1024
        for pid in renderer_pids(cloud)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )


def forget_peak(cloud: Cloud) -> None:
    for pid in renderer_pids(cloud):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def renderer_pids(cloud: Cloud) -> list[int]:
    port = cloud.deployment.renderer.url.rpartition(":")[2]
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--port" in words and words[words.index(b"--port") + 1] == port.encode():
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not CLEARED.exists(), reason="memory is read from Linux's /proc")
def test_37_small_odd_and_huge_portraits(
    cloud: Cloud, brief: Path, hopper: Frame, tmp_path: Path
) -> None:
    peaks = {}
    for (width, height), result, warnings in (
        ((300, 400), (300, 400), []),
        ((1201, 1601), (1200, 1600), ["IMAGE_DOWNSCALED"]),
        ((8000, 12000), (1066, 1600), ["IMAGE_DOWNSCALED"]),
    ):
        path = tmp_path / f"{width}x{height}.jpg"
        cv2.imwrite(str(path), resized(hopper, width, height)[..., ::-1])
        forget_peak(cloud)
        avatar = saved(cloud, path, brief)
        live = avatar.wait_ready()
        peaks[width] = peak_mib(cloud)
        assert size_of(live) == result
        assert live["warnings"] == warnings
        assert avatar.renders() == 1
    # Read as a whole it takes 1,050 MiB more; as it is, 100, and 330 on a very busy machine.
    assert peaks[8000] < peaks[1201] + 600
