"""Globs of object names: `*`, `**`, `?`, `[abc]`, `{a,b}`. Pure."""

import re

from emulator.storage.errors import BadRequest

_PART = re.compile(r"\*\*|[*?{},]|\[[^\]]+\]|\\.|[^*?{},\[\\]+")


def compile_glob(glob: str) -> re.Pattern[str]:
    """Compile a glob; `*` and `?` stop at a slash, `**` does not.

    Raises:
        BadRequest: it is malformed.
    """
    parts = _PART.findall(glob)
    if "".join(parts) != glob:
        raise BadRequest(f'matchGlob is "{glob}"; a bracket in it does not end')
    depth = 0
    pattern = ""
    for part in parts:
        depth += {"{": 1, "}": -1}.get(part, 0)
        if depth < 0:
            break
        pattern += _translated(part, in_braces=depth > 0)
    if depth:
        raise BadRequest(f'matchGlob is "{glob}"; its braces are not balanced')
    return re.compile(pattern, re.DOTALL)


def _translated(part: str, *, in_braces: bool) -> str:
    simple = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}
    if part in simple:
        return simple[part]
    if part == "," and in_braces:
        return "|"
    if part.startswith("[") and len(part) > 1:
        inner = part[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"
    return re.escape(part[1:] if part.startswith("\\") else part)
