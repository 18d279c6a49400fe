"""Facts of the project, looked up through gcloud, and the checks on them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deploy import names
from deploy.command import Command, captured, gcloud, variable
from deploy.errors import CommandFailed, UnsupportedProject
from deploy.quotas import check_quotas
from deploy.settings import Part, Settings

# A database in several regions has a trigger location of the same name; events pass through one
# region of it. Eventarc's own list of locations need not name these.
MULTI_REGIONS = {"nam5": "us-central1", "eur3": "europe-west4"}


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """The lookup of one fact.

    Attributes:
        command: captures it.
        absent: the error where the command fails or prints nothing.
    """

    command: Command
    absent: str


_QUOTAS = "QUOTAS"
_ABSENT = {
    _QUOTAS: "Cloud Run's quotas of {project} are not to be seen; accepted: an account that may "
    "(roles/cloudquotas.viewer), or --omit quotas",
    "PROJECT_NUMBER": "project {project} is not to be seen; accepted: the id of a project in which "
    "the active account (gcloud auth list) is an owner",
    "DATABASE_TYPE": "project {project} has no Firestore database {database}, or you may not see "
    "it; accepted: one in Native mode, made in the Firebase console",
    "FIRESTORE_LOCATION": "the database {database} of {project} names no location",
    "EVENTARC_LOCATIONS": "Eventarc names no locations; accepted: a project in which it is enabled",
    "BUCKET_LOCATION": "bucket gs://{bucket} is not there, or you may not see it; accepted: the "
    "app's bucket, as the Firebase console names it under Storage",
    "BILLING_ACCOUNT": "project {project} has no billing account, without which neither Cloud Run "
    "nor the queue runs; accepted: a linked one, or --omit budget where there is one that you may "
    "not see",
    "API_KEYS_VERSION": "there is no secret {secret} with an enabled version. Make it: printf %s "
    "KEY | sha256sum, then printf %s DIGEST | gcloud secrets create {secret} --data-file=- "
    "--project={project}",
}


def lookups(settings: Settings) -> tuple[Lookup, ...]:
    """Return the lookups, in order."""
    project = names.project(settings)
    database = (f"--database={names.DATABASE}", project)
    bucket = (f"gs://{settings.bucket}", project)
    billing = (settings.project, f"--billing-project={settings.project}")
    asked = [
        ("PROJECT_NUMBER", "projects describe", (settings.project,), "projectNumber"),
        ("DATABASE_TYPE", "firestore databases describe", database, "type"),
        ("FIRESTORE_LOCATION", "firestore databases describe", database, "locationId"),
        ("EVENTARC_LOCATIONS", "eventarc locations list", (project,), "locationId"),
        ("BUCKET_LOCATION", "storage buckets describe", bucket, "location"),
    ]
    if Part.BUDGET not in settings.omits:
        asked.append(
            ("BILLING_ACCOUNT", "billing projects describe", billing, "billingAccountName")
        )
    if settings.api_secret:
        newest = ("--filter=state=ENABLED", "--sort-by=~createTime", "--limit=1", project)
        asked.append(
            (
                "API_KEYS_VERSION",
                "secrets versions list",
                (settings.api_secret, *newest),
                "name.basename()",
            )
        )
    quotas: tuple[Lookup, ...] = ()
    if Part.QUOTAS not in settings.omits:
        command = gcloud(
            "beta quotas info list",
            "--service=run.googleapis.com",
            project,
            "--format=json",
            capture=_QUOTAS,
        )
        quotas = (
            Lookup(command=command, absent=_ABSENT[_QUOTAS].format(project=settings.project)),
        )
    return quotas + tuple(
        Lookup(
            command=gcloud(verb, *words, f"--format=value({value})", capture=name),
            absent=_ABSENT[name].format(
                project=settings.project,
                bucket=settings.bucket,
                database=names.DATABASE,
                secret=settings.api_secret,
            ),
        )
        for name, verb, words, value in asked
    )


def look_up(settings: Settings, run: Callable[[Command], str]) -> dict[str, str]:
    """Return all facts as variables.

    Args:
        settings: the deployment.
        run: the standard output of a command; raises CommandFailed.

    Raises:
        UnsupportedProject: a fact is missing, or rules out the deployment.
    """
    facts: dict[str, str] = {}
    for lookup in lookups(settings):
        facts[lookup.command.capture or ""] = _fact(lookup, run)
    _refuse(settings, facts)
    return facts


def project_number(settings: Settings, run: Callable[[Command], str]) -> str:
    """Return the project's number alone; arguments and errors as of `look_up`."""
    wanted = names.PROJECT_NUMBER
    found = (each for each in lookups(settings) if variable(each.command.capture or "") == wanted)
    return _fact(next(found), run)


def _fact(lookup: Lookup, run: Callable[[Command], str]) -> str:
    try:
        output = captured(lookup.command, run(lookup.command))
    except CommandFailed as error:
        raise UnsupportedProject(f"{lookup.absent}\n{error}") from error
    if not output:
        raise UnsupportedProject(lookup.absent)
    return output


def remarks(settings: Settings, facts: Mapping[str, str]) -> tuple[str, ...]:
    """Return notes for the operator, mostly about distances; none stops a deployment."""
    notes: list[str] = []
    if _QUOTAS in facts:
        notes += check_quotas(settings, facts[_QUOTAS])
    if settings.notify is None and Part.MONITORING not in settings.omits:
        notes.append("alerts write to nobody; --notify EMAIL names somebody")
    location = facts["FIRESTORE_LOCATION"]
    if location in MULTI_REGIONS:
        notes.append(
            f"the database is in {location}: its events pass through {MULTI_REGIONS[location]}, "
            f"and the service answers in {settings.region}"
        )
    elif location != settings.region:
        notes.append(
            f"the database is in {location}, the services in {settings.region}: every read, write "
            "and event crosses regions"
        )
    bucket = facts["BUCKET_LOCATION"].lower()
    if "-" in bucket and bucket != settings.region:
        notes.append(
            f"the bucket is in {bucket}, the services in {settings.region}: clips and videos are "
            "carried across regions, which costs"
        )
    return tuple(notes)


def _refuse(settings: Settings, facts: Mapping[str, str]) -> None:
    if _QUOTAS in facts:
        check_quotas(settings, facts[_QUOTAS])
    kind, location = facts["DATABASE_TYPE"], facts["FIRESTORE_LOCATION"]
    if kind != "FIRESTORE_NATIVE":
        raise UnsupportedProject(
            f"the database {names.DATABASE} of {settings.project} is {kind}; accepted: "
            "FIRESTORE_NATIVE, for Datastore mode knows neither listeners nor document events"
        )
    if location not in MULTI_REGIONS and location not in facts["EVENTARC_LOCATIONS"].split():
        raise UnsupportedProject(
            f"the database {names.DATABASE} is in {location}, where Eventarc has no triggers; "
            "accepted: a database in a location that `gcloud eventarc locations list` names"
        )
