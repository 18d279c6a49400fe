"""HEIC as telephones write it: tiled, turned, with a gain map, and several pictures in a file."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.errors import BadInput, ImageTooLarge, ImageUnsupported
from liveportrait_core.media.pictures.image import read_portrait
from liveportrait_core.media.pictures.item_boxes import ItemBoxes
from liveportrait_core.report import Frame, RenderWarning
from tests.core.heic import (
    SRGB,
    Item,
    box,
    code_points,
    coded,
    container,
    extent,
    full_box,
    grid,
    heic,
    mirrored,
    rotated,
)
from tests.core.media.cases import cut
from tests.core.pictures import AS_STORED, assert_like, quarters

# What the container says to make upright what a camera stores, by EXIF's number of the same.
TRANSFORMS: dict[int, tuple[bytes, ...]] = {
    1: (), 2: (mirrored(1),), 3: (rotated(2),), 4: (mirrored(0),), 5: (rotated(1), mirrored(0)),
    6: (rotated(3),), 7: (rotated(1), mirrored(1)), 8: (rotated(1),),
}  # fmt: skip
GAIN_MAP = full_box(b"auxC", b"urn:com:apple:photo:2020:aux:hdrgainmap\0")
OPACITY = full_box(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def beside(kind: bytes, pixels: Frame, *properties: bytes) -> Item:
    """An item that belongs to the first one in some way."""
    item = coded(pixels)
    return Item(
        kind=item.kind,
        data=item.data,
        properties=(*item.properties, *properties),
        references=((kind, (1,)),),
        is_hidden=True,
    )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("notes", ["none", "the same", "another"])
def test_the_container_turns_it_and_the_notes_never_once_more(
    tmp_path: Path, orientation: int, notes: str
) -> None:
    stored = np.ascontiguousarray(AS_STORED[orientation](quarters()))
    said = {"none": None, "the same": orientation, "another": 3 if orientation == 6 else 6}[notes]
    content = heic(
        stored,
        code_points(*SRGB),
        *TRANSFORMS[orientation],
        orientation=said,
        is_miaf=orientation == 1,  # else its notes count, as it has no transformation
    )
    portrait = read_portrait(written(tmp_path / "IMG_1.heic", content), max_dim_px=512)
    assert portrait.pixels.shape == (96, 64, 3)
    assert portrait.warnings == ()
    assert_like(portrait.pixels, quarters())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_notes_turn_what_its_container_leaves_to_them(tmp_path: Path, orientation: int) -> None:
    """Some cameras write no transformation. What is of the brand `miaf` is as it is to be shown."""
    stored = np.ascontiguousarray(AS_STORED[orientation](quarters()))
    content = heic(stored, orientation=orientation)
    left = read_portrait(written(tmp_path / "DSC1.heic", content), max_dim_px=512)
    assert_like(left.pixels, quarters())
    content = heic(stored, orientation=orientation, is_miaf=True)
    bound = read_portrait(written(tmp_path / "IMG1.heic", content), max_dim_px=512)
    assert_like(bound.pixels, stored)


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "a.heif", "DSC1.HIF", "a"])
def test_all_its_names_are_its_own(tmp_path: Path, name: str) -> None:
    assert read_portrait(written(tmp_path / name, heic(quarters())), max_dim_px=512).warnings == ()
    as_jpeg = written(tmp_path / "a.jpg", heic(quarters()))
    assert read_portrait(as_jpeg, max_dim_px=512).warnings == (RenderWarning.MIME_MISMATCH,)


def test_a_telephone_s_picture_of_tiles_with_its_gain_map(tmp_path: Path) -> None:
    """Stored on its side in tiles that reach beyond it, as telephones do."""
    stored = np.ascontiguousarray(AS_STORED[6](quarters(300, 400)))
    gain = np.full((200, 150, 3), 255, np.uint8)
    items = grid(stored, 128, properties=(code_points(*SRGB), *TRANSFORMS[6]))
    content = container([*items, beside(b"auxl", gain, GAIN_MAP)])
    portrait = read_portrait(written(tmp_path / "a.heic", content), max_dim_px=512)
    assert portrait.pixels.shape == (400, 300, 3)
    assert portrait.warnings == ()
    assert_like(portrait.pixels, quarters(300, 400))


def test_it_may_show_through(tmp_path: Path) -> None:
    opacity = np.full((96, 64, 3), 255, np.uint8)
    opacity[:48, :32] = 0
    items = [coded(quarters()), beside(b"auxl", opacity, OPACITY)]
    portrait = read_portrait(written(tmp_path / "a.heic", container(items)), max_dim_px=512)
    assert portrait.warnings == (RenderWarning.ALPHA_FLATTENED,)
    expected = quarters()
    expected[:48, :32] = 0
    assert_like(portrait.pixels, expected)


@pytest.mark.parametrize("primary", [1, 2, 3])
def test_of_several_pictures_the_primary_one_is_taken(tmp_path: Path, primary: int) -> None:
    others = [255 - quarters(), quarters()[::-1].copy(), quarters()[:, ::-1].copy()]
    others[primary - 1] = quarters()
    content = container([coded(pixels) for pixels in others], primary=primary)
    path = written(tmp_path / "a.heic", content)
    assert_like(read_portrait(path, max_dim_px=512).pixels, quarters())


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    picture = coded(quarters(), shape="yuv444p10le")
    path = written(tmp_path / "a.heic", container([picture]))
    assert_like(read_portrait(path, max_dim_px=512).pixels, quarters(), tolerance=2)


def sized(width: int, height: int, *, depth: str = "yuv420p") -> bytes:
    """64×96 pixels of HEVC in a container that says another size."""
    picture = coded(quarters(), shape=depth)
    properties = (picture.properties[0], extent(width, height))
    return container([Item(kind=picture.kind, data=picture.data, properties=properties)])


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (lambda: sized(12_001, 10_000), ImageTooLarge, "12001x10000 pixels; accepted: up to 120"),
        (lambda: sized(70_000, 20), ImageTooLarge, "accepted: up to 65535 a side"),
        (lambda: sized(60_000, 60_000), ImageTooLarge, "accepted: up to 120000000 pixels"),
        (lambda: sized(9_000, 9_000), ImageTooLarge, r"takes 1004 MiB to decode, as a HEIF"),
        (lambda: sized(7_000, 7_000, depth="yuv420p10le"), ImageTooLarge, "takes 981 MiB"),
        (lambda: sized(1, 1), ImageUnsupported, "1x1 pixels; accepted: at least 2 a side"),
        (lambda: sized(0, 0), ImageUnsupported, "is a HEIC picture, but damaged"),
        (lambda: sized(64, 95), ImageUnsupported, "is damaged"),
        (lambda: sized(2, 2), ImageUnsupported, "is damaged"),
        (lambda: sized(640, 960), ImageUnsupported, "is damaged"),
    ],
)
def test_what_its_header_says_is_checked_before_it_is_decoded(
    tmp_path: Path, content: Callable[[], bytes], error: type[BadInput], says: str
) -> None:
    with pytest.raises(error, match=says):
        read_portrait(written(tmp_path / "a.heic", content()), max_dim_px=512)


def derived(kind: bytes, data: bytes, *parts: Item) -> bytes:
    """A picture that says 64×96 pixels and is made of others."""
    numbers = tuple(range(2, 2 + len(parts)))
    properties, references = (extent(64, 96),), ((b"dimg", numbers),)
    whole = Item(kind=kind, data=data, properties=properties, references=references)
    return container([whole, *parts])


def pretending(width: int, height: int) -> Item:
    picture = coded(quarters())
    properties = (picture.properties[0], extent(width, height))
    return Item(kind=picture.kind, data=picture.data, properties=properties, is_hidden=True)


@pytest.mark.parametrize(
    ("content", "error", "says"),
    [
        (lambda: derived(b"grid", struct.pack(">4xHH", 64, 96), pretending(9000, 9000)),
         ImageTooLarge, "takes 1004 MiB"),
        (lambda: derived(b"grid", struct.pack(">4xHH", 9000, 9000), pretending(64, 96)),
         ImageTooLarge, "takes 1004 MiB"),
        (lambda: derived(b"grid", struct.pack(">xB2xII", 1, 9000, 9000), pretending(64, 96)),
         ImageTooLarge, "takes 1004 MiB"),
        (lambda: derived(b"iovl", struct.pack(">10xHHii", 9000, 9000, 0, 0), pretending(64, 96)),
         ImageTooLarge, "takes 1004 MiB"),
        (lambda: derived(b"grid", struct.pack(">4xHH", 64, 96), pretending(64, 95)),
         ImageUnsupported, "is damaged"),
        (lambda: derived(b"iden", b"", coded(quarters(128, 96))),
         ImageUnsupported, "announces 64x96 pixels and has 128x96"),
    ],
    ids=["large tile", "large canvas", "large canvas in 32 bits", "large overlay", "a lying tile",
         "another's size"],
)  # fmt: skip
def test_what_its_parts_say_is_checked_too(
    tmp_path: Path, content: Callable[[], bytes], error: type[BadInput], says: str
) -> None:
    with pytest.raises(error, match=says):
        read_portrait(written(tmp_path / "a.heic", content()), max_dim_px=512)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("is_tiled", [False, True])
def test_what_is_cut_off_is_refused(tmp_path: Path, share: float, is_tiled: bool) -> None:
    whole = container(grid(quarters(200, 150), 128)) if is_tiled else heic(quarters())
    with pytest.raises(ImageUnsupported, match="accepted: "):
        read_portrait(written(tmp_path / "a.heic", cut(whole, share)), max_dim_px=512)


def test_a_codec_that_is_not_read_is_refused_by_name(tmp_path: Path) -> None:
    """AV1 in a container that begins as a HEIF is an AVIF; H.264 in it is not read."""
    buffer = io.BytesIO()
    Image.fromarray(quarters()).save(buffer, "AVIF", quality=95)
    as_heif = buffer.getvalue().replace(b"ftypavif", b"ftypmif1", 1)
    assert_like(
        read_portrait(written(tmp_path / "a.heif", as_heif), max_dim_px=512).pixels, quarters()
    )
    picture = coded(quarters())
    other = Item(kind=b"avc1", data=picture.data, properties=picture.properties[1:])
    with pytest.raises(ImageUnsupported, match=r"a\.heif is "):
        read_portrait(
            written(tmp_path / "a.heif", container([other], brand=b"mif1")), max_dim_px=512
        )


@given(data=st.data())
def test_scratched_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    whole = (
        container(grid(quarters(200, 150), 128)) if data.draw(st.booleans()) else heic(quarters())
    )
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        # Most of what can go wrong stands in the boxes before the pixels.
        last = data.draw(st.sampled_from([len(content) - 1, content.index(b"mdat") + 40]))
        content[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "scratched"
    path.write_bytes(content)
    try:
        pixels = read_portrait(path, max_dim_px=512).pixels
    except (ImageUnsupported, ImageTooLarge):
        return
    assert pixels.shape[2] == 3


def test_a_table_without_end_is_not_followed() -> None:
    """A file within the limit on bytes could hold a reader for minutes."""
    extents = 60_000
    entry = struct.pack(">HHH", 1, 0, extents) + b"\x09" * extents  # a byte for each
    iloc = full_box(b"iloc", struct.pack(">BBH", 0x10, 0, 60) + entry * 60)
    whole = box(b"ftyp", b"heic") + full_box(b"meta", iloc)
    assert ItemBoxes.of(whole).bytes_announced == 0
    short = full_box(b"iloc", struct.pack(">BBH", 0x10, 0, 1) + struct.pack(">HHHB", 1, 0, 1, 200))
    assert ItemBoxes.of(box(b"ftyp", b"heic") + full_box(b"meta", short)).bytes_announced == 200
