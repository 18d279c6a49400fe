"""Which shared libraries a folder's files need and do not bring: what the base image must have.

Reads 64-bit little-endian ELF files, as all of Linux's are here. Loads nothing.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# What python:*-slim-bookworm has: Debian's essential packages and what its python is linked with.
_SYSTEM = frozenset(
    {
        "ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0",
        "librt.so.1", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
    }
)  # fmt: skip
# Cloud Run mounts them where there is a GPU; they are loaded by need.
_DRIVER = frozenset({"libcuda.so.1", "libnvidia-ml.so.1"})
# They come with torch's CUDA build; without it onnxruntime's CUDA provider stays unloaded.
_CUDA = ("libcublas", "libcudart", "libcudnn", "libcufft", "libcurand", "libnvrtc", "libcusparse")
# onnxruntime's TensorRT provider and OpenVINO's plug-in for GPUs, which are never asked for.
_UNUSED = ("libnvinfer", "libnvonnxparser", "libOpenCL")
# Plug-ins of CUDA's nvshmem, which torch's CUDA build brings, for many machines working together.
_FABRIC = (
    *("libfabric", "libibverbs", "libmlx5", "librdmacm", "libucp", "libucs"),
    *("libmpi", "liboshmem", "libpmix"),
)

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRINGS = 1, 5


@dataclass(frozen=True, kw_only=True)
class Needs:
    """Libraries by who must bring them."""

    system: frozenset[str]
    driver: frozenset[str]
    cuda: frozenset[str]
    unused: frozenset[str]
    fabric: frozenset[str]
    nobody: frozenset[str]  # neither the image nor anybody known has them


def library_needs(files: Iterable[Path]) -> Needs:
    """Sort what these shared objects need and none of them is."""
    objects = [file for file in files if ".so" in file.name and not file.is_symlink()]
    brought = {file.name for file in objects}
    missing = frozenset(name for file in objects for name in needed(file)) - brought
    cuda, unused, fabric = (
        frozenset(name for name in missing if name.startswith(names))
        for names in (_CUDA, _UNUSED, _FABRIC)
    )
    return Needs(
        system=missing & _SYSTEM,
        driver=missing & _DRIVER,
        cuda=cuda,
        unused=unused,
        fabric=fabric,
        nobody=missing - _SYSTEM - _DRIVER - cuda - unused - fabric,
    )


def needed(file: Path) -> tuple[str, ...]:
    """The names of the libraries that a shared object asks for; none if it is no such object."""
    content = file.read_bytes()
    if content[:6] != b"\x7fELF\x02\x01":
        return ()
    segments = list(_segments(content))
    entries = [
        struct.unpack_from("<QQ", content, place)
        for kind, place, _, size in segments
        if kind == _DYNAMIC
        for place in range(place, place + size, 16)
    ]
    strings = next((_place(segments, value) for tag, value in entries if tag == _STRINGS), 0)
    return tuple(_text(content, strings + value) for tag, value in entries if tag == _NEEDED)


def _segments(content: bytes) -> Iterable[tuple[int, int, int, int]]:
    """Kind, place in the file, address and size of every segment."""
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    for index in range(count):
        kind, _, place, address, _, length = struct.unpack_from(
            "<IIQQQQ", content, table + index * size
        )
        yield kind, place, address, length


def _place(segments: Iterable[tuple[int, int, int, int]], address: int) -> int:
    for kind, place, begins, length in segments:
        if kind == _LOAD and begins <= address < begins + length:
            return place + address - begins
    return address


def _text(content: bytes, place: int) -> str:
    return content[place : content.index(b"\0", place)].decode()
