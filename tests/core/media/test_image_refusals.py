"""Pictures with scratches are refused, or read with them, but never break the reader."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from liveportrait_core.errors import ImageTooLarge, ImageUnsupported
from liveportrait_core.media.image import read_portrait
from tests.core.pictures import quarters


@given(data=st.data())
def test_scratched_files_never_crash(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    buffer = io.BytesIO()
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "AVIF"]))
    Image.fromarray(quarters(32, 32)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "scratched"
    path.write_bytes(content)
    try:
        pixels = read_portrait(path, max_dim_px=512).pixels
    except (ImageUnsupported, ImageTooLarge):
        return
    assert pixels.shape[2] == 3
