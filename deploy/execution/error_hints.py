"""Hints for the usual failures of a first deployment."""

_HINTS = (
    (
        "zonal redundancy",
        "ask for the quota “Total Nvidia … GPU allocation without zonal redundancy, per project "
        "per region” (Cloud Run, this region), at least as many as --max-instances",
    ),
    (
        "quota",
        "ask for the quota in the console (IAM and admin, Quotas), or lower --max-instances",
    ),
    (
        "command group installed",
        "install gcloud's alpha and beta parts: gcloud components install alpha beta",
    ),
    (
        "billing",
        "link a billing account to the project; for the budget alone, where the billing account is "
        "somebody else's: --omit budget",
    ),
    (
        "startup probe",
        "the instance's own log says why it was not ready and what to do",
    ),
    (
        "organization policy",
        "an organisation's policy forbids it; its administrator can make an exception",
    ),
    (
        "permission",
        "the active account (gcloud auth list) lacks a right: a first deployment needs an owner",
    ),
)


def hint(message: str) -> str:
    """Return a sentence to append to a failure; empty where there is no hint."""
    lower = message.lower()
    for phrase, advice in _HINTS:
        if phrase in lower:
            return f"\nWhat helps: {advice}."
    return ""
