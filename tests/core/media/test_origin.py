"""Every file says that it is synthetic, in the words of IPTC, to readers that are not ours."""

import re
import subprocess
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from liveportrait_core.inspection import read_mp4
from liveportrait_core.media.clips.encode import FrameEncoder
from liveportrait_core.media.clips.formats import EncoderSettings
from liveportrait_core.media.origin import DigitalSource, origin_of, stated_origin
from liveportrait_core.media.pictures.image import jpeg_of, write_picture
from liveportrait_core.options import Engine, VideoFormat
from tests.core.clips import ffmpeg

FRAME = np.full((64, 64, 3), 90, np.uint8)
URI = "http://cv.iptc.org/newscodes/digitalsourcetype/"
FIELD = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def video(path: Path, form: VideoFormat, origin: DigitalSource) -> Path:
    settings = EncoderSettings(
        width_px=64, height_px=64, rate_fps=Fraction(25), form=form, origin=origin
    )
    with FrameEncoder(path, settings) as encoder:
        for level in (0, 60, 120, 180):
            encoder.write(FRAME + np.uint8(level // 3))
    return path


def stated(packet: str) -> str:
    """The field of a packet, by an XML parser."""
    tree = ElementTree.fromstring(packet)  # noqa: S314 - our own
    (described,) = tree.iter(f"{RDF}Description")
    return described.attrib[FIELD]


def packet_of_picture(path: Path) -> str:
    """As Pillow finds it."""
    with Image.open(path) as image:
        image.load()
        found = image.info.get("xmp") or image.info["XML:com.adobe.xmp"]
    return found.decode() if isinstance(found, bytes) else str(found)


def packet_of_gif(path: Path) -> str:
    """Block by block, as GIF89a says; Pillow reads nothing behind the last frame."""
    data = path.read_bytes()
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
    while data[at : at + 1] != b";":
        if data[at : at + 14] == b"!\xff\x0bXMP DataXMP":
            return data[at + 14 : data.index(b"\x01\xff\xfe", at)].decode()
        if data[at : at + 1] == b",":
            at += 11 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 128 else 0)
        else:
            at += 2
        while data[at]:
            at += data[at] + 1
        at += 1
    raise AssertionError("no packet")


def packet_of_mp4(path: Path) -> str:
    """As ffmpeg finds it."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-export_xmp", "1", "-i", str(path),
               "-f", "ffmetadata", "-"]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"^xmp=(.*?<\\\?xpacket end|.*</x:xmpmeta>)", said, re.MULTILINE | re.DOTALL)
    assert found is not None, said
    plain = re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL)
    return plain[plain.index("<x:xmpmeta") : plain.index("</x:xmpmeta>") + len("</x:xmpmeta>")]


@pytest.mark.parametrize("engine", Engine)
def test_an_mp4_says_it_and_its_index_stays_in_front(tmp_path: Path, engine: Engine) -> None:
    path = video(tmp_path / "a.mp4", VideoFormat.MP4, origin_of(engine))
    value = "algorithmicMedia" if engine is Engine.MESH else "trainedAlgorithmicMedia"
    assert stated(packet_of_mp4(path)) == URI + value
    facts = read_mp4(path)
    assert [kind for kind in facts.top_level if kind != "free"] == ["ftyp", "moov", "mdat", "uuid"]
    assert len(facts.times) == 4
    again = video(tmp_path / "b.mp4", VideoFormat.MP4, origin_of(engine))
    assert again.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("form", [VideoFormat.GIF, VideoFormat.WEBP])
def test_a_gif_and_a_webp_say_it_and_play_on(tmp_path: Path, form: VideoFormat) -> None:
    path = video(tmp_path / f"a.{form}", form, DigitalSource.ALGORITHMIC)
    packet = packet_of_gif(path) if form is VideoFormat.GIF else packet_of_picture(path)
    assert stated(packet) == f"{URI}algorithmicMedia"
    assert stated_origin(path) == "algorithmicMedia"
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 4
    if form is VideoFormat.GIF:
        pixels = ffmpeg("-i", str(path), "-f", "rawvideo", "-pix_fmt", "gray", "-")
        assert len(pixels) == 4 * 64 * 64


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_a_picture_says_it_where_an_engine_drew_it(tmp_path: Path, name: str) -> None:
    write_picture(FRAME, tmp_path / name, origin=DigitalSource.TRAINED)
    assert stated(packet_of_picture(tmp_path / name)) == f"{URI}trainedAlgorithmicMedia"
    assert stated_origin(tmp_path / name) == "trainedAlgorithmicMedia"
    write_picture(FRAME, tmp_path / name)
    assert stated_origin(tmp_path / name) is None
    assert b"DigitalSourceType" not in (tmp_path / name).read_bytes()


def test_a_poster_says_it(tmp_path: Path) -> None:
    (tmp_path / "poster.jpg").write_bytes(jpeg_of(FRAME, DigitalSource.TRAINED))
    assert stated(packet_of_picture(tmp_path / "poster.jpg")) == f"{URI}trainedAlgorithmicMedia"
