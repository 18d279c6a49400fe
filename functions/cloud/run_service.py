"""Verify that Cloud Run lets no caller through to this service but those that IAM knows.

Behind IAM the signature of a token is gone before the service sees it, so whether it was checked
can only be told from the service's own settings: a service without the invoker's check passes such
a token on as well. Read from Cloud Run's Admin API (v2), never changed.
"""

from typing import Any, Final

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from functions.errors import NotPrivate

_API: Final = "https://run.googleapis.com/v2"
_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
_TIMEOUT_S: Final = 20.0
_INTERNAL: Final = "INGRESS_TRAFFIC_INTERNAL_ONLY"
_EVERYBODY: Final = ("allUsers", "allAuthenticatedUsers")


def google_session() -> requests.Session:
    """Return a session that acts as this process's account.

    Raises:
        NotPrivate: there is no account.
    """
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except GoogleAuthError as fault:
        raise NotPrivate(f"Cloud Run cannot be asked who may call: {fault}") from fault
    return AuthorizedSession(credentials)


def require_private(service: str, session: requests.Session, *, api: str = _API) -> None:
    """Return if only callers with the invoker's role reach the service, from inside.

    Args:
        service: projects/P/locations/R/services/S.
        session: acts as an account that may read the service and its policy (run.viewer).
        api: where Cloud Run's Admin API is.

    Raises:
        NotPrivate: others may reach it, or that cannot be told.
    """
    settings = _read(session, f"{api}/{service}")
    if settings.get("invokerIamDisabled", False) is not False:
        raise NotPrivate(
            f"{service} does not check who calls (invokerIamDisabled); accepted: "
            "gcloud run services update --invoker-iam-check"
        )
    if settings.get("ingress") != _INTERNAL:
        raise NotPrivate(
            f"{service} has the ingress {settings.get('ingress')}; accepted: {_INTERNAL} "
            "(gcloud run services update --ingress=internal)"
        )
    bindings = _read(session, f"{api}/{service}:getIamPolicy").get("bindings", [])
    members = {name for binding in bindings for name in binding.get("members", [])}
    if members.intersection(_EVERYBODY):
        raise NotPrivate(
            f"the policy of {service} lets {' and '.join(_EVERYBODY)} call it, or one of them; "
            "accepted: neither"
        )


def _read(session: requests.Session, url: str) -> dict[str, Any]:
    try:
        answer = session.get(url, timeout=_TIMEOUT_S)
        answer.raise_for_status()
        found = answer.json()
    except (requests.RequestException, GoogleAuthError, ValueError) as fault:
        raise NotPrivate(
            f"{url} cannot be read: {fault}; the account of this service needs roles/run.viewer "
            "on it"
        ) from fault
    if not isinstance(found, dict):
        raise NotPrivate(f"{url} answered something else than settings")
    return found
