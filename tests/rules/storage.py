"""Two judges of `storage.rules`: Google's rules engine by itself, and a running official suite.

The engine sits inside Google's Firestore emulator, which does not serve Storage:
`StorageJudge.java` asks it, and what a request looks like to the rules is put together here. The
suite's Storage emulator is asked over its own wire. Both know no rule.
"""

import http.client
import json
import subprocess
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from emulator.firestore.backends.official_process import OfficialMissing, find_official
from tests.rules.firestore import SERVER, Judge, RulesInvalid, authorization

_DRIVER = Path(__file__).with_name("StorageJudge.java")
_BOUNDARY = "part"


@dataclass(frozen=True, kw_only=True)
class Upload:
    """Store an object of this type and size, over one that stands or not."""

    content_type: str
    size_bytes: int = 10
    more: Mapping[str, Any] = field(default_factory=dict)  # what else is said of it
    metadata: Mapping[str, str] | None = None  # custom; None: the uid of whoever uploads it


@dataclass(frozen=True, kw_only=True)
class Describe:
    """Change what is said of an object that stands."""

    content_type: str
    more: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] | None = None  # custom; None: as it stands


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """Read an object or what is said of it."""


@dataclass(frozen=True, kw_only=True)
class ListFolder:
    """List what lies directly in a folder."""


@dataclass(frozen=True, kw_only=True)
class Remove:
    """Delete an object."""


Deed = Upload | Describe | Fetch | ListFolder | Remove
Documents = Mapping[str, Mapping[str, Any]]
Stands = Mapping[str, str] | None


def owned_by(uid: str | None) -> dict[str, str]:
    """Custom metadata of an upload that says whose it is; None: it does not say."""
    return {} if uid is None else {"ownerUid": uid}


class StorageJudge(Protocol):
    """Whoever can say what rules allow."""

    def allows(
        self,
        who: str | None,
        deed: Deed,
        path: str,
        *,
        stands: Stands,
        documents: Documents,
    ) -> bool:
        """Whether the client may do it.

        Args:
            who: the user's id, or None for nobody.
            deed: what is tried.
            path: the object's name, or the folder's.
            stands: custom metadata of the object that is there, a picture of ten bytes; None:
                there is none.
            documents: what Firestore holds, by paths as `avatars/a`.
        """


class Engine:
    """The rules engine as a process; a context manager.

    Raises:
        OfficialMissing: the jar, or a Java that compiles, is not there.
    """

    def __init__(self) -> None:
        self._java, self._jar = find_official()
        modules = subprocess.run([self._java, "--list-modules"], capture_output=True, check=True)
        if b"jdk.compiler" not in modules.stdout:
            raise OfficialMissing(f"{self._java} has no compiler; wanted: a JDK")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [self._java, "-cp", self._jar, _DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()  # its input ends, and it with it

    def apply(self, rules: str) -> None:
        """Put rules in place of those before.

        Raises:
            RulesInvalid: the compiler has anything to say.
        """
        if issues := self._ask({"rules": rules})["issues"]:
            raise RulesInvalid(issues)

    def allows(
        self,
        who: str | None,
        deed: Deed,
        path: str,
        *,
        stands: Stands,
        documents: Documents,
    ) -> bool:
        """Whether the client may do it: see `StorageJudge`."""
        found = None if stands is None else _resource(path, "image/jpeg", 10, stands)
        request: dict[str, Any] = {"auth": None if who is None else {"uid": who, "token": {}}}
        match deed:
            case Upload(content_type=content_type, size_bytes=size, more=more):
                method = "create"
                says = owned_by(who) if deed.metadata is None else deed.metadata
                request["resource"] = {**_resource(path, content_type, size, says), **more}
            case Describe(content_type=content_type, more=more):
                method = "update"
                says = (stands or {}) if deed.metadata is None else deed.metadata
                request["resource"] = {**_resource(path, content_type, 10, says), **more}
            case Fetch():
                method = "get"
            case ListFolder():
                method = "list"
            case Remove():
                method = "delete"
        asked = {
            "method": method,
            "path": f"/b/bucket/o/{path}",
            "request": {**request, "method": method},
            "resource": found,
            "documents": {
                f"databases/(default)/documents/{name}": fields
                for name, fields in documents.items()
            },
        }
        return bool(self._ask(asked)["allowed"])

    def _ask(self, asked: Mapping[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the rules engine has ended; it said why on stderr"
        return json.loads(answer)


class OfficialSuite:
    """A running suite's Storage emulator, and its Firestore for the documents.

    Args:
        storage: its address as host:port.
        bucket: a bucket of it.
        firestore: the documents' keeper.
    """

    def __init__(self, storage: str, bucket: str, firestore: Judge) -> None:
        self._storage = storage
        self._bucket = bucket
        self._firestore = firestore

    def allows(
        self,
        who: str | None,
        deed: Deed,
        path: str,
        *,
        stands: Stands,
        documents: Documents,
    ) -> bool:
        """Whether the client may do it: see `StorageJudge`; it is done where it may be."""
        self._firestore.seed([("avatars/a", None), ("avatars/b", None), *documents.items()])
        self._request(SERVER, "DELETE", self._object(path))
        if stands is not None:
            self._upload(SERVER, path, Upload(content_type="image/jpeg", metadata=stands))
        match deed:
            case Upload():
                status = self._upload(who, path, deed)
            case Describe(content_type=content_type, more=more):
                says = {} if deed.metadata is None else {"metadata": dict(deed.metadata)}
                said = json.dumps({"contentType": content_type, **says, **more}).encode()
                status = self._request(who, "PATCH", self._object(path), said, "application/json")
            case Fetch():
                status = self._request(who, "GET", self._object(path))
            case ListFolder():
                asked = urllib.parse.urlencode({"prefix": f"{path}/", "delimiter": "/"})
                status = self._request(who, "GET", f"?{asked}")
            case Remove():
                status = self._request(who, "DELETE", self._object(path))
        assert status in (200, 204, 403), f"{deed} of {path} answered {status}"
        return status != 403

    def _object(self, path: str) -> str:
        return "/" + urllib.parse.quote(path, safe="")

    def _upload(self, who: str | None, path: str, upload: Upload) -> int:
        says = owned_by(who) if upload.metadata is None else dict(upload.metadata)
        told = {"name": path, "contentType": upload.content_type, "metadata": says, **upload.more}
        described = json.dumps(told)
        body = (
            f"--{_BOUNDARY}\r\nContent-Type: application/json\r\n\r\n{described}\r\n"
            f"--{_BOUNDARY}\r\nContent-Type: {upload.content_type}\r\n\r\n"
            f"{'x' * upload.size_bytes}\r\n--{_BOUNDARY}--\r\n"
        )
        kind = f"multipart/related; boundary={_BOUNDARY}"
        named = urllib.parse.urlencode({"name": path})
        return self._request(who, "POST", f"?{named}", body.encode(), kind)

    def _request(
        self, who: str | None, method: str, rest: str, body: bytes = b"", kind: str = ""
    ) -> int:
        headers = {"X-Goog-Upload-Protocol": "multipart"} if method == "POST" else {}
        if kind:
            headers["Content-Type"] = kind
        if who is not None:
            headers["Authorization"] = authorization(who)
        connection = http.client.HTTPConnection(self._storage, timeout=30)
        try:
            connection.request(method, f"/v0/b/{self._bucket}/o{rest}", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()


def _resource(
    path: str, content_type: str, size_bytes: int, metadata: Mapping[str, str]
) -> dict[str, Any]:
    """An object as rules see it."""
    return {
        "name": path,
        "bucket": "bucket",
        "size": size_bytes,
        "contentType": content_type,
        "metadata": dict(metadata),
    }
