"""The licence of each package that the image redistributes, as an SPDX expression.

By the package's own metadata, in the order of their reliability; where these say nothing, too
little or too much, by the table below, which says from where.
"""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

_NVIDIA: Final = "LicenseRef-NVIDIA-Proprietary"  # CUDA's and its libraries' licence agreements
# What wheels contain beside what their metadata speak of, and what their metadata do not say.
STATED: Final[Mapping[str, str]] = {
    "cuda-bindings": "LicenseRef-NVIDIA-Proprietary",  # its LICENSE file
    "cuda-pathfinder": "Apache-2.0",  # its LICENSE file
    "cuda-toolkit": _NVIDIA,
    "cycler": "BSD-3-Clause",  # its LICENSE file, as those below
    "imageio-ffmpeg": "BSD-2-Clause AND GPL-3.0-or-later",  # with ffmpeg and x264
    "insightface": "MIT",  # the code; its models are not in the image
    "itsdangerous": "BSD-3-Clause",
    "jinja2": "BSD-3-Clause",
    "kiwisolver": "BSD-3-Clause",
    "matplotlib": "LicenseRef-Matplotlib",  # like Python's
    "mpmath": "BSD-3-Clause",
    "opencv-python-headless": "Apache-2.0 AND LGPL-2.1-or-later",  # with ffmpeg's libraries
    "pi-heif": "BSD-3-Clause AND LGPL-3.0-or-later",  # with libheif and libde265
    "pyasn1-modules": "BSD-2-Clause",
    "scikit-image": "BSD-3-Clause",
    # With OpenBLAS and GCC's run-time library.
    "scipy": "BSD-3-Clause AND GPL-3.0-or-later WITH GCC-exception-3.1",
    "sympy": "BSD-3-Clause",
    "triton": "MIT",
}
_PROPRIETARY: Final = "nvidia-"
_BY_CLASSIFIER: Final = {
    "Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_BY_FIELD: Final = {
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
}


class LicenceUnknown(Exception):
    """No licence is known of a package that the image redistributes."""


def licence_of(name: str) -> str:
    """Return a package's licence as an SPDX expression.

    Args:
        name: of the package, normalized.

    Raises:
        LicenceUnknown: neither its metadata nor the table tell.
    """
    if name in STATED:
        return STATED[name]
    if name.startswith(_PROPRIETARY):
        return _NVIDIA
    try:
        told = metadata(name)
    except PackageNotFoundError as missing:
        raise LicenceUnknown(f"{name} is not installed here; add it to STATED") from missing
    (expression,) = told.get_all("License-Expression") or (None,)
    (text,) = told.get_all("License") or ("",)
    field = text.strip().partition("\n")[0]
    candidates = [expression, _BY_FIELD.get(field, field)]
    classifiers = [line.rpartition(" :: ")[2] for line in told.get_all("Classifier", [])]
    candidates += [_BY_CLASSIFIER[line] for line in classifiers if line in _BY_CLASSIFIER]
    for candidate in candidates:
        if candidate and (found := _expression(candidate)):
            return found
    raise LicenceUnknown(
        f"{name} says neither a licence's expression nor a class that tells one ({field[:60]!r}); "
        "read its licence file and add it to STATED"
    )


def _expression(text: str) -> str | None:
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        return None
