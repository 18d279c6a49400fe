"""Addresses that clients name: what is private is not reached, by no trick."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.web.conftest import Listener, Serve
from web.errors import ApiError, InvalidRequest, TooLarge, Unprocessable
from web.fetch import SafeClient, is_public

PUBLIC = "93.184.216.34"
TRICKS = [
    "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://127.1:{port}/",
    "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://017700000001:{port}/",
    "http://0:{port}/", "http://0.0.0.0:{port}/", "http://[::1]:{port}/", "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/", "http://[2002:7f00:1::]:{port}/",
    "http://127.0.0.1.:{port}/", "http://user@127.0.0.1:{port}/", "http://a.test@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@a.test/", "http://a.test:80@127.0.0.1:{port}/",
    "http://①②⑦.⓪.⓪.①:{port}/", "http://metadata.google.internal/", "http://169.254.169.254/",
    "http://[fd00:ec2::254]/", "http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.0.1/",
    "http://100.64.0.1/", "http://198.18.0.1/", "http://224.0.0.1/", "http://255.255.255.255/",
    "http://[fe80::1]/", "http://[fc00::1]/", "http://[ff02::1]/", "http://inside.test:{port}/",
    "http://both.test:{port}/", "ftp://127.0.0.1:{port}/", "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "//127.0.0.1:{port}/", "http:///127.0.0.1:{port}/", "http://", "", "http://[::1",
    "data:text/plain,a",
    "http://a.test:99999/", "http://a.test/\x7f", "http://127.0.0.1:{port}\\@a.test/", "jar:http://127.0.0.1:{port}/!/",
]  # fmt: skip
NAMES = {"a.test": [PUBLIC], "inside.test": ["127.0.0.1"], "both.test": [PUBLIC, "127.0.0.1"]}


def resolve(host: str, port: int) -> list[str]:
    if host in NAMES:
        return NAMES[host]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(address[4][0]) for address in found]


@pytest.mark.parametrize("url", TRICKS)
def test_no_trick_reaches_what_is_private(url: str, listener: Listener, tmp_path: Path) -> None:
    port = listener.url.rpartition(":")[2]
    client = SafeClient(resolve=resolve, url_hosts=frozenset({"*"}))
    with pytest.raises(InvalidRequest) as refused:
        client.download(
            url.format(port=port), tmp_path / "a", max_bytes=9, within_s=9, field_name="input"
        )
    assert refused.value.code == "URL_NOT_ALLOWED"
    assert refused.value.field == "input"
    assert listener.got == []


def test_a_name_is_resolved_once_and_its_address_is_what_is_asked() -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    client = SafeClient(resolve=lambda *_: next(answers))
    target = client.check("https://a.test/x?y=1", field_name="url")
    assert target.url == f"https://{PUBLIC}:443/x?y=1"
    assert target.headers["host"] == "a.test"
    assert target.extensions == {"sni_hostname": "a.test"}


def local(listener: Listener, **more: object) -> SafeClient:
    here = listener.url.removeprefix("http://")
    return SafeClient(private_hosts=frozenset({here}), **more)  # type: ignore[arg-type]


def fetch(client: SafeClient, url: str, to: Path, *, max_bytes: int = 100) -> bytes:
    client.download(url, to, max_bytes=max_bytes, within_s=9, field_name="input")
    return to.read_bytes()


def test_a_host_that_the_settings_name_is_fetched_from(listener: Listener, tmp_path: Path) -> None:
    listener.content = b"x" * 100
    assert fetch(local(listener), listener.url + "/p.png", tmp_path / "a") == b"x" * 100
    with pytest.raises(TooLarge, match="more than 99 bytes"):
        fetch(local(listener), listener.url + "/p.png", tmp_path / "a", max_bytes=99)
    listener.status = 404
    with pytest.raises(Unprocessable, match="status 404"):
        fetch(local(listener), listener.url, tmp_path / "a")


@pytest.mark.parametrize(
    ("location", "error"),
    [
        ("http://169.254.169.254/latest", InvalidRequest),
        ("http://localhost:1/", InvalidRequest),
        ("file:///etc/passwd", InvalidRequest),
        ("/again", Unprocessable),  # for ever
        ("http://[", InvalidRequest),
        ("", Unprocessable),
    ],
)
def test_a_redirect_is_checked_like_the_first(
    listener: Listener, tmp_path: Path, location: str, error: type[ApiError]
) -> None:
    listener.status, listener.location = 302, location
    with pytest.raises(error):
        fetch(local(listener), listener.url, tmp_path / "a")
    assert 1 <= len(listener.got) <= 4


def dripping(connection: socket.socket, answer: bytes) -> int:
    """Send an answer byte by byte; return how many it has."""
    with connection, suppress(OSError):
        connection.recv(9999)
        for byte in answer:
            connection.send(bytes([byte]))
            time.sleep(0.05)
    return len(answer)


def flooding(connection: socket.socket, answer: bytes) -> int:
    """Send the last byte of an answer for ever; return how many were taken."""
    sent = 0
    with connection, suppress(OSError):
        connection.recv(9999)
        connection.sendall(answer)
        while sent < 500_000_000:
            sent += connection.send(answer[-1:] * 1_000_000)
    return sent


@pytest.mark.parametrize(
    ("send", "answer", "status", "says"),
    [
        (dripping, b"HTTP/1.1 200 OK\r\nx: " + b"x" * 200, 0, "takes too long"),
        (dripping, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200, 200, "takes too long"),
        (flooding, b"HTTP/1.1 200 OK\r\n\r\nx", 200, "more than 99 bytes"),
    ],
)
def test_an_answer_without_an_end_takes_neither_time_nor_memory(
    tmp_path: Path, send: Callable[..., int], answer: bytes, status: int, says: str
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ThreadPoolExecutor() as pool,
    ):
        here = f"127.0.0.1:{server.getsockname()[1]}"
        client = SafeClient(private_hosts=frozenset({here}))
        for is_message in (True, False):
            sent = pool.submit(lambda: send(server.accept()[0], answer))
            begun = time.monotonic()
            if is_message:
                assert client.post(f"http://{here}/", b"{}", {}, within_s=1.5) == status
            else:
                with pytest.raises(ApiError, match=says):
                    client.download(
                        f"http://{here}/", tmp_path / "a",
                        max_bytes=99, within_s=1.5, field_name="input",
                    )  # fmt: skip
            assert time.monotonic() - begun < 6
            assert sent.result() < 50_000_000


def test_a_name_of_other_letters_is_asked_for_in_its_ascii_form() -> None:
    target = SafeClient(resolve=lambda *_: [PUBLIC]).check("https://bücher.test/ü", field_name="u")
    assert target.headers["host"] == target.sni == "xn--bcher-kva.test"
    assert target.url == f"https://{PUBLIC}:443/%C3%BC"


def test_a_host_that_is_not_listed_is_not_asked(listener: Listener, tmp_path: Path) -> None:
    client = SafeClient(resolve=lambda *_: [PUBLIC], url_hosts=frozenset({"media.test"}))
    with pytest.raises(InvalidRequest, match=r"a\.test is not among the hosts of inputs"):
        fetch(client, "http://a.test/p.png", tmp_path / "a")


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1", "8.8.8.8"])
def test_public_addresses_are(address: str) -> None:
    assert is_public(address)


def test_inputs_by_url_become_a_video(
    serve: Serve, listener: Listener, portrait: bytes, driving: bytes
) -> None:
    here = listener.url.removeprefix("http://")
    api = serve(private_hosts=frozenset({here}))
    listener.content = portrait
    answer = api.client.post(
        "/v1/generations",
        json={
            "kind": "edit",
            "input": {"portrait": {"url": f"{listener.url}/p.png"}},
            "params": {"edit": {"smile": 1}},
        },
        headers={"Prefer": "wait=60"},
    )
    assert answer.json()["status"] == "ready"
    assert answer.json()["output"]["pictureUrl"].startswith(str(api.client.base_url))
    assert listener.got[0][0] == "/p.png"
