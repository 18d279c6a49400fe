"""Which URLs may name an input: scenario 38 and worse."""

from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.storage_paths import (
    MediaPolicy,
    download_url,
    input_path,
    is_own_output,
    locate,
)

BUCKET = "demo.appspot.com"
POLICY = MediaPolicy(bucket=BUCKET)
EMULATED = MediaPolicy(bucket=BUCKET, emulator="127.0.0.1:9199")
FIREBASE = f"https://firebasestorage.googleapis.com/v0/b/{BUCKET}/o/"
PLAIN = f"https://storage.googleapis.com/{BUCKET}/"


def allowed(url: str, policy: MediaPolicy = POLICY, user_id: str | None = "u1") -> str | None:
    return input_path(url, policy=policy, avatar_id="ava", user_id=user_id)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{FIREBASE}avatars%2Fava%2Fa.jpg?alt=media&token=t", "avatars/ava/a.jpg"),
        (f"{FIREBASE}avatars%2fava%2fa.jpg", "avatars/ava/a.jpg"),
        (f"{PLAIN}avatars/ava/a.jpg", "avatars/ava/a.jpg"),
        (f"{PLAIN}avatars/ava/a.jpg?X-Goog-Signature=abc&X-Goog-Expires=1", "avatars/ava/a.jpg"),
        (f"gs://{BUCKET}/avatars/ava/deep/er/a.jpg", "avatars/ava/deep/er/a.jpg"),
        (
            f"{FIREBASE}avatars%2Fava%2F{quote('Übergröße 1.mov')}?x#t=1",
            "avatars/ava/Übergröße 1.mov",
        ),
        (f"HTTPS://Storage.GoogleAPIs.com/{BUCKET}/avatars/ava/a.jpg", "avatars/ava/a.jpg"),
        (  # as the native SDK of iOS writes it
            f"https://firebasestorage.googleapis.com:443/v0/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg",
            "avatars/ava/a.jpg",
        ),
        (
            f"https://storage.googleapis.com:443/{BUCKET}/avatars/ava/a.jpg?X-Goog-Signature=1",
            "avatars/ava/a.jpg",
        ),
        (f"https://storage.googleapis.com:/{BUCKET}/avatars/ava/a.jpg", "avatars/ava/a.jpg"),
        (f"gs://{BUCKET}/avatars/ava/livePortrait.jpg", "avatars/ava/livePortrait.jpg"),
    ],
)
def test_allowed(url: str, path: str) -> None:
    assert allowed(url) == path


@pytest.mark.parametrize(
    "url",
    [
        "",
        "avatars/ava/a.jpg",
        "https://example.com/avatars/ava/a.jpg",
        "http://169.254.169.254/computeMetadata/v1/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "ftp://storage.googleapis.com/x",
        f"http://storage.googleapis.com/{BUCKET}/avatars/ava/a.jpg",
        f"http://storage.googleapis.com:443/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com:8443/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com:80/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com:443x/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com:99999/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com@evil.example/{BUCKET}/avatars/ava/a.jpg",
        f"https://evil@storage.googleapis.com/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com.evil.example/{BUCKET}/avatars/ava/a.jpg",
        f"https://storage.googleapis.com./{BUCKET}/avatars/ava/a.jpg",
        f"https://{BUCKET}.storage.googleapis.com/avatars/ava/a.jpg",
        f"https://storage.googleapis.com\\@evil.example/{BUCKET}/avatars/ava/a.jpg",
        f"https://[::1/{BUCKET}/avatars/ava/a.jpg",
        f"//storage.googleapis.com/{BUCKET}/avatars/ava/a.jpg",
        "https://storage.googleapis.com/other-bucket/avatars/ava/a.jpg",
        "gs://other-bucket/avatars/ava/a.jpg",
        f"gs://{BUCKET}.evil.example/avatars/ava/a.jpg",
        f"{FIREBASE.replace(BUCKET, f'{BUCKET}.evil.example')}avatars%2Fava%2Fa.jpg",
        f"{PLAIN.replace(BUCKET, f'{BUCKET}.evil.example')}avatars/ava/a.jpg",
        f"gs://{BUCKET}",
        f"gs://{BUCKET}/",
        f"gs://{BUCKET}//avatars/ava/a.jpg",
        f"GS://{BUCKET}/avatars/ava/a.jpg",
        f"gs://{BUCKET}/avatars/ava/",
        f"gs://{BUCKET}/avatars/ava",
        f"gs://{BUCKET}/avatars/other/a.jpg",
        f"gs://{BUCKET}/avatars/ava2/a.jpg",
        f"gs://{BUCKET}/avatars/ava/../other/a.jpg",
        f"gs://{BUCKET}/avatars/ava/./a.jpg",
        f"gs://{BUCKET}/avatars/ava/%2e%2e/other/a.jpg",
        f"gs://{BUCKET}/avatars/ava/livePortrait/0123456789abcdef/idle.mp4",
        f"gs://{BUCKET}/users/u1/uploads/a.jpg",
        f"gs://{BUCKET}/users/victim/uploads/a.jpg",
        f"gs://{BUCKET}/livePortraitCache/avatars/ava/x",
        f"{FIREBASE}avatars/ava/a.jpg",
        f"{FIREBASE}avatars%2Fava%2F..%2Fother%2Fa.jpg",
        f"{FIREBASE}avatars%2Fava%2F%2E%2E%2Fother%2Fa.jpg",
        f"{FIREBASE}avatars%2Fava%252F..%252Fother%2Fa.jpg",
        f"{FIREBASE}avatars%2Fava%2F%5C..%5Cother",
        f"{FIREBASE}avatars%2Fava%2Fa%00.jpg",
        f"{FIREBASE}avatars%2Fava%2F%ff.jpg",
        f"{FIREBASE}avatars%2Fava%2FlivePortrait%2Fx%2Fidle.mp4?alt=media",
        f"{PLAIN}avatars%2Fava%2Fa.jpg",
        f"{PLAIN}avatars/ava/..%2Fother/a.jpg",
        f"{PLAIN}avatars/ava/../other/a.jpg",
        f"{PLAIN}avatars/ava/a.jpg\n",
        f" {PLAIN}avatars/ava/a.jpg",
        f"{PLAIN}avatars/ava/a\tb.jpg",
        "https://firebasestorage.googleapis.com/v0/b/other/o/avatars%2Fava%2Fa.jpg",
        f"https://firebasestorage.googleapis.com/v1/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg",
        f"https://storage.googleapis.com/v0/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg",
        f"http://127.0.0.1:9199/v0/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg",
        f"gs://{BUCKET}/avatars/ava/{'x' * 1100}.jpg",
        f"gs://{BUCKET}/avatars/ava/\ud800.jpg",
    ],
)
def test_not_allowed(url: str) -> None:
    assert allowed(url) is None


HOSTS = (  # as a browser, a phone, another machine and a container name one emulator
    "127.0.0.1",
    "localhost",
    "LocalHost",
    "[::1]",
    "10.0.2.2",
    "192.168.1.20",
    "my-machine.local",
    "host.docker.internal",
    "emulator",
    "0.0.0.0",
)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0", "[::]", "emulator"])
def test_any_host_on_the_emulators_port_is_the_emulator(host: str, listening: str) -> None:
    emulated = replace(EMULATED, emulator=f"{listening}:9199")
    url = f"http://{host}:9199/v0/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg?alt=media&token=t"
    assert allowed(url, emulated) == "avatars/ava/a.jpg"
    plain = f"http://{host}:9199/{BUCKET}/avatars/ava/a.jpg"
    assert allowed(plain, emulated) == "avatars/ava/a.jpg"
    assert allowed(url, POLICY) is None
    assert allowed(url.replace("9199", "9198"), emulated) is None
    assert allowed(url.replace(":9199", ""), emulated) is None
    assert allowed(url.replace("http:", "https:"), emulated) is None
    assert allowed(url.replace("http://", "http://user@"), emulated) is None
    assert allowed(plain.replace(f"/{BUCKET}/", "/latest/meta-data/"), emulated) is None
    own = f"http://{host}:9199/v0/b/{BUCKET}/o/avatars%2Fava%2FlivePortrait%2Fx%2Fidle.mp4"
    assert is_own_output(own, policy=emulated, avatar_id="ava")


def test_an_emulator_on_the_usual_port_is_named_without_it() -> None:
    emulated = replace(EMULATED, emulator="127.0.0.1:80")
    url = f"http://10.0.2.2/v0/b/{BUCKET}/o/avatars%2Fava%2Fa.jpg"
    assert allowed(url, emulated) == allowed(url.replace("2.2/", "2.2:80/"), emulated)
    assert allowed(url, emulated) == "avatars/ava/a.jpg"


@pytest.mark.parametrize(
    ("emulator", "public", "origin"),
    [
        ("127.0.0.1:9199", None, "http://127.0.0.1:9199"),
        ("0.0.0.0:9199", None, "http://127.0.0.1:9199"),
        ("[::]:9199", None, "http://[::1]:9199"),
        ("[::1]:9199", None, "http://[::1]:9199"),
        ("0.0.0.0:9199", "http://10.0.2.2:9199", "http://10.0.2.2:9199"),
        ("emulator:9199", "https://storage.test", "https://storage.test"),
        (None, None, "https://firebasestorage.googleapis.com"),
    ],
)
def test_results_have_a_name_that_can_be_reached(
    emulator: str | None, public: str | None, origin: str
) -> None:
    policy = replace(POLICY, emulator=emulator, public_url=public)
    url = download_url("avatars/ava/livePortrait/x/idle.mp4", "t", policy)
    assert url.startswith(f"{origin}/v0/b/{BUCKET}/o/avatars%2Fava%2F")
    assert is_own_output(url, policy=policy, avatar_id="ava")


def test_a_url_is_refused_by_its_length_whatever_it_names() -> None:
    longest = f"{FIREBASE}avatars%2Fava%2Fa.jpg?token=".ljust(8192, "t")
    assert allowed(longest) == "avatars/ava/a.jpg"
    assert is_own_output(
        f"{FIREBASE}avatars%2Fava%2FlivePortrait%2Fa".ljust(8192, "?"),
        policy=POLICY,
        avatar_id="ava",
    )
    for url in (
        f"{longest}t",
        longest.ljust(900_000, "t"),
        f"gs://{BUCKET}/avatars/ava/a".ljust(900_000),
    ):
        assert allowed(url) is None
        assert not is_own_output(url, policy=POLICY, avatar_id="ava")


def test_uploads_are_a_setting_and_only_the_owners_own() -> None:
    uploads = replace(POLICY, accept_uploads=True)
    assert allowed(f"gs://{BUCKET}/users/u1/uploads/a.jpg", uploads) == "users/u1/uploads/a.jpg"
    assert allowed(f"gs://{BUCKET}/users/victim/uploads/a.jpg", uploads) is None
    assert allowed(f"gs://{BUCKET}/users/u1/a.jpg", uploads) is None
    assert allowed(f"gs://{BUCKET}/users//uploads/a.jpg", uploads, user_id="") is None
    assert allowed(f"gs://{BUCKET}/users/a/b/uploads/c.jpg", uploads, user_id="a/b") is None
    assert allowed(f"gs://{BUCKET}/users/u1/uploads/a.jpg", uploads, user_id=None) is None


@given(st.text(max_size=60), st.sampled_from(["", "gs://", "https://", FIREBASE, PLAIN]))
def test_any_text_is_answered_and_nothing_escapes(text: str, head: str) -> None:
    path = allowed(head + text)
    assert path is None or path.startswith("avatars/ava/")
    assert path is None or ".." not in path.split("/")


@given(
    st.text(
        st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="/\\%"),
        min_size=1,
        max_size=40,
    ).filter(lambda name: name not in (".", ".."))
)
def test_a_download_url_leads_back_to_its_object(name: str) -> None:
    path = f"avatars/ava/livePortrait/{name}"
    for policy in (POLICY, EMULATED):
        url = download_url(path, "token", policy)
        assert locate(url, policy) == path
        assert is_own_output(url, policy=policy, avatar_id="ava")
        assert not is_own_output(url, policy=policy, avatar_id="av")
