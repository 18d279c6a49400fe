"""Whose token a task bears: real signatures, real keys over HTTP, and everything forged."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.cloud.oidc import Caller
from functions.errors import CallerRefused, CallerUnknown, RetryLater, TaskRefused
from functions.roles import TaskRoute
from tests.functions.cloud.issuer import ACCOUNT, URL, Issuer

SERVICE = "projects/demo/locations/europe-west1/services/idle-renderer"


@pytest.fixture(scope="module")
def _issuer() -> Iterator[Issuer]:
    made = Issuer()
    made.add_key("one")
    made.add_key("strange", published=False)
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def issuer(_issuer: Issuer) -> Issuer:
    _issuer.requests, _issuer.status, _issuer.body = 0, 200, None
    return _issuer


class Now:
    """A clock that is turned by hand."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def caller(issuer: Issuer, now: Now | None = None, *, behind_iam: bool = False) -> Caller:
    route = TaskRoute(
        renderer_url=URL,
        service_account=ACCOUNT,
        emulator=issuer.address,
        private_service=SERVICE if behind_iam else "",
    )
    return Caller(route, clock=now or Now())


def test_the_queues_own_token_is_admitted(issuer: Issuer) -> None:
    admitting = caller(issuer)
    for _ in range(3):
        admitting.check(f"Bearer {issuer.token()}")
    admitting.check(f"bearer {issuer.token(iss='accounts.google.com')}")
    assert issuer.requests == 1  # the keys are kept


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token x", "Bearer a b.c.d"]
)
def test_no_token_is_no_proof(issuer: Issuer, header: str | None) -> None:
    with pytest.raises(CallerUnknown):
        caller(issuer).check(header)


def test_a_token_of_another_key_is_forged(issuer: Issuer) -> None:
    with pytest.raises(CallerUnknown):
        caller(issuer).check(f"Bearer {issuer.token('strange')}")
    header, claims, _ = issuer.token("strange").split(".")
    named = base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": "one"}).encode()).decode()
    with pytest.raises(CallerUnknown):
        caller(issuer).check(f"Bearer {named.rstrip('=')}.{claims}.{header}")


def test_a_token_with_other_claims_than_were_signed_is_forged(issuer: Issuer) -> None:
    head, _, signature = issuer.token(email="somebody@demo.iam.gserviceaccount.com").split(".")
    _, claims, _ = issuer.token().split(".")
    with pytest.raises(CallerUnknown, match="Could not verify token signature"):
        caller(issuer).check(f"Bearer {head}.{claims}.{signature}")


def test_a_token_that_is_nested_deeply_is_only_refused(issuer: Issuer) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 20_000).decode().rstrip("=")
    for behind_iam, signature in ((False, "AAAA"), (True, "SIGNATURE_REMOVED_BY_GOOGLE")):
        with pytest.raises(CallerUnknown):
            caller(issuer, behind_iam=behind_iam).check(f"Bearer {deep}.{deep}.{signature}")


@pytest.mark.parametrize("algorithm", ["none", "HS256", None, 7])
def test_no_other_algorithm_is_taken(issuer: Issuer, algorithm: object) -> None:
    _, claims, signature = issuer.token().split(".")
    head = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "kid": "one"}).encode()).decode()
    for signed in (signature, ""):
        with pytest.raises(CallerUnknown):
            caller(issuer).check(f"Bearer {head.rstrip('=')}.{claims}.{signed}")


@pytest.mark.parametrize(("issued_s", "expires_s"), [(-7200, -3600), (-3700, -60), (600, 4200)])
def test_a_token_out_of_its_time_proves_nothing(
    issuer: Issuer, issued_s: int, expires_s: int
) -> None:
    now = int(time.time())
    old = issuer.token(iat=now + issued_s, exp=now + expires_s)
    with pytest.raises(CallerUnknown, match="Token"):
        caller(issuer).check(f"Bearer {old}")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://another.run.app"},
        {"aud": f"{URL}/render"},
        {"aud": [URL]},
        {"aud": None},
        {"email": "somebody@demo.iam.gserviceaccount.com"},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"iss": "https://accounts.example"},
        {"iss": None},
    ],
)
def test_another_callers_or_receivers_token_is_refused(
    issuer: Issuer, changes: dict[str, Any]
) -> None:
    with pytest.raises(CallerRefused) as caught:
        caller(issuer).check(f"Bearer {issuer.token(**changes)}")
    assert next(iter(changes)) in str(caught.value)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_to_a_token_is_refused_and_never_quoted(
    issuer: Issuer, data: st.DataObject
) -> None:
    token = issuer.token()
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has unused bits
    letter = data.draw(st.sampled_from("Aa0_.- \x00é"))
    damaged = token[:place] + letter + token[place + 1 :]
    if damaged == token:
        return
    with pytest.raises(TaskRefused) as caught:
        caller(issuer).check(f"Bearer {damaged}")
    parts = [part for part in damaged.split(".") if len(part) > 8]
    assert not any(part in str(caught.value) for part in parts)


def test_a_new_key_is_fetched_but_strangers_cannot_make_us_fetch_for_ever(issuer: Issuer) -> None:
    now = Now()
    admitting = caller(issuer, now)
    admitting.check(f"Bearer {issuer.token()}")
    issuer.add_key("two")
    for _ in range(5):
        with pytest.raises(CallerUnknown):
            admitting.check(f"Bearer {issuer.token('two')}")
    assert issuer.requests == 1
    now.seconds = 10
    admitting.check(f"Bearer {issuer.token('two')}")
    assert issuer.requests == 2
    now.seconds = 3610
    admitting.check(f"Bearer {issuer.token()}")
    assert issuer.requests == 3


@pytest.mark.parametrize(
    ("status", "body"), [(500, None), (200, b"no JSON"), (200, b"[]"), (200, b'{"keys": []}')]
)
def test_keys_that_cannot_be_had_are_a_reason_to_ask_again(
    issuer: Issuer, status: int, body: bytes | None
) -> None:
    issuer.status, issuer.body = status, body
    admitting = caller(issuer)
    with pytest.raises(RetryLater, match="oauth2/v1/certs"):
        admitting.check(f"Bearer {issuer.token()}")
    issuer.status, issuer.body = 200, None
    admitting.check(f"Bearer {issuer.token()}")


def test_nobody_there_to_ask_for_keys(issuer: Issuer) -> None:
    route = TaskRoute(renderer_url=URL, service_account=ACCOUNT, emulator="127.0.0.1:1")
    with pytest.raises(RetryLater, match="cannot be had"):
        Caller(route).check(f"Bearer {issuer.token()}")


# --- behind Cloud Run's own check, which takes the signature off


def removed(token: str) -> str:
    head, claims, _ = token.split(".")
    return f"{head}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE"


def test_a_removed_signature_is_believed_only_where_cloud_run_stands_in_front(
    issuer: Issuer,
) -> None:
    bare = f"Bearer {removed(issuer.token())}"
    caller(issuer, behind_iam=True).check(bare)
    assert issuer.requests == 0
    with pytest.raises(CallerUnknown):
        caller(issuer).check(bare)


def test_there_the_claims_are_checked_all_the_same(issuer: Issuer) -> None:
    behind = caller(issuer, behind_iam=True)
    now = int(time.time())
    for late in (
        issuer.token(iat=now - 7200, exp=now - 3600),
        issuer.token(iat=now + 600),
        issuer.token(exp=None),
        issuer.token(iat="yesterday"),
    ):
        with pytest.raises(CallerUnknown):
            behind.check(f"Bearer {removed(late)}")
    with pytest.raises(CallerRefused, match="email"):
        behind.check(f"Bearer {removed(issuer.token(email='owner@example.com'))}")
    with pytest.raises(CallerUnknown):  # a signature that is there is verified there too
        behind.check(f"Bearer {issuer.token('strange')}")
