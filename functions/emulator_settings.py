"""Read the variables by which Google's clients find emulators, and how results are named there.

Pure: `settings` passes the environment in.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from functions.errors import InvalidSetting
from functions.origins import Origin, origin_of

_FIRESTORE = "FIRESTORE_EMULATOR_HOST"
_STORAGE = "STORAGE_EMULATOR_HOST"
_FIREBASE_STORAGE = "FIREBASE_STORAGE_EMULATOR_HOST"
_PUBLIC_URL = "LIVEPORTRAIT_STORAGE_PUBLIC_URL"
_ADDRESS = "host:port, without a scheme"
_URL = "http://host:port, with the scheme"


def storage_emulator(environment: Mapping[str, str]) -> str | None:
    """Return the Storage emulator's host:port; None: there are no emulators.

    Raises:
        InvalidSetting: one emulator is set without the other, or a value is malformed.
    """
    values = {name: environment.get(name, "") for name in (_FIRESTORE, _STORAGE)}
    firebase = environment.get(_FIREBASE_STORAGE, "")
    if not any(values.values()) and not firebase:
        return None
    for name, value in values.items():
        if not value:
            raise InvalidSetting(
                f"{name} is not set although another emulator is; accepted: all or none"
            )
    _origin(_FIRESTORE, f"http://{values[_FIRESTORE]}", values[_FIRESTORE], _ADDRESS)
    _origin(_STORAGE, values[_STORAGE], values[_STORAGE], _URL)
    if firebase:
        _origin(_FIREBASE_STORAGE, f"http://{firebase}", firebase, _ADDRESS)
    return firebase or urlsplit(values[_STORAGE]).netloc


def public_url(environment: Mapping[str, str], *, emulated: bool) -> str | None:
    """Return the URL that results begin with beside an emulator; None: its own, over HTTP.

    Raises:
        InvalidSetting: it is no server's URL, or there is no emulator.
    """
    value = environment.get(_PUBLIC_URL)
    if value is None:
        storage = environment.get(_STORAGE, "")
        return str(origin_of(storage)) if storage.lower().startswith("https:") else None
    if not emulated:
        raise InvalidSetting(
            f"{_PUBLIC_URL} is {value!r} without an emulator; accepted: only beside one, since "
            "results in Google's cloud have Google's name"
        )
    accepted = f"{_URL}, as the app's devices reach the emulator, such as http://10.0.2.2:9199"
    origin = _origin(_PUBLIC_URL, value, value, accepted)
    if origin != origin.reachable:
        raise InvalidSetting(f"{_PUBLIC_URL} is {value!r}, to which no client can connect")
    return str(origin)


def _origin(name: str, url: str, value: str, accepted: str) -> Origin:
    refused = InvalidSetting(f"{name} is {value!r}; accepted: {accepted}")
    try:
        origin, parts = origin_of(url), urlsplit(url)
    except ValueError:
        raise refused from None
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise refused
    return origin
