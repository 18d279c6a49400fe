"""Data protection: security rules, CORS, lifecycle, expiry, index exemptions."""

import json
from dataclasses import dataclass, replace
from typing import Any

from deploy import names
from deploy.checks import (
    ActiveRuleset,
    BucketCors,
    BucketLifecycle,
    CheckResult,
    ListEntry,
    Required,
    ResourceState,
    Variables,
)
from deploy.command import Command, gcloud
from deploy.resources.access import iam
from deploy.settings import Part, Settings
from deploy.step import Check, File, Step

_RULES_SERVICE = "https://firebaserules.googleapis.com/v1"
_STORAGE_SERVICE = "https://firebasestorage.googleapis.com/v1beta"
_AVATARS = "avatars"  # as firestore.indexes.json calls the collection


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The repository's files about the data.

    Attributes:
        firestore_rules: the text.
        storage_rules: the text.
        cors: the bucket's entries.
        lifecycle: the bucket's rules.
        expiries: collection group and field of each time after which a document is deleted.
        exemptions: collection group and field of each field without single-field indexes.
    """

    firestore_rules: str
    storage_rules: str
    cors: tuple[object, ...]
    lifecycle: tuple[object, ...]
    expiries: tuple[tuple[str, str], ...]
    exemptions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class NoIndexes:
    """A field has no index, by its own configuration: what an empty list of `indexes` deploys."""

    name: str  # the end of the field's

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; DIFFERS where the field has indexes, or takes over its parent's."""
        entries = [each for each in output if each.get("name", "").endswith(f"/{self.name}")]
        if not entries:
            return CheckResult(state=ResourceState.MISSING)
        config = entries[0].get("indexConfig") or {}
        told = [
            "/".join(str(part.get("order") or part.get("arrayConfig")) for part in each["fields"])
            for each in config.get("indexes") or ()
        ]
        if config.get("usesAncestorConfig"):
            told.append("those of its database")
        if not told:
            return CheckResult(state=ResourceState.MATCHES)
        differences = (f"{self.name} has indexes: {', '.join(told)}, wanted none",)
        return CheckResult(state=ResourceState.DIFFERS, differences=differences)


def steps(settings: Settings, data: DataConfig) -> tuple[Step, ...]:
    """Return the steps: rules, CORS and lifecycle unless omitted, expiry, index exemptions."""
    chosen: list[Step] = []
    if Part.RULES not in settings.omits:
        chosen += (
            _linked(settings),
            iam.storage_rules(settings),
            _rules(settings, "cloud.firestore", "firestore.rules", data.firestore_rules),
            _rules(
                settings, f"firebase.storage/{settings.bucket}", "storage.rules", data.storage_rules
            ),
        )
    if Part.CORS not in settings.omits:
        chosen.append(_cors(settings, data))
    if Part.LIFECYCLE not in settings.omits:
        chosen.append(_lifecycle(settings, data))
    chosen += (_expiry(settings, group, field) for group, field in data.expiries)
    chosen += (_exemption(settings, group, field) for group, field in data.exemptions)
    return tuple(chosen)


def _rules(settings: Settings, service: str, file: str, text: str) -> Step:
    # gcloud has no command for rules, and the Firebase CLI would ask for Node: the service's own
    # HTTP interface needs neither.
    release = f"projects/{settings.project}/releases/{service}"
    ours = f"idle.{file}"  # identifies a ruleset of this program
    ruleset = File(
        path=f"{names.folder(settings)}/{file}.json",
        content=json.dumps({"source": {"files": [{"name": ours, "content": text}]}}, indent=2),
    )
    make = replace(
        _post(settings, f"projects/{settings.project}/rulesets", f"@{ruleset.path}"),
        capture="RULESET",
        pattern=r'"name": *"(projects/[^"]+/rulesets/[^"]+)"',
    )
    named = {"name": release, "rulesetName": names.RULESET}
    put, patch = json.dumps(named), json.dumps({"release": named})
    return Step(
        title=f"Rules of {service}",
        why="Clients own the inputs, the service owns the outputs; ledger, quota and caches are "
        "nobody's to read.",
        checks=(
            Check(
                command=_get(settings, f"projects/{settings.project}/releases?pageSize=100"),
                expect=ListEntry(
                    name=release, list_key="releases", defines={"ITEM": ("rulesetName",)}
                ),
            ),
            Check(
                command=_get(settings, names.ITEM), expect=ActiveRuleset(file=ours, content=text)
            ),
        ),
        create=(make, _post(settings, f"projects/{settings.project}/releases", put)),
        update=(make, _post(settings, release, patch, method="PATCH")),
        foreseeable=True,
        leaves="the rules stay in force: without any, nobody could read or write",
        foreign_message=None
        if Part.RULES in settings.replaces
        else f"it has rules that this program did not make. Merge functions/rules/{file} into the "
        "app's rules and go on with --omit rules; or, if nothing else needs them, --replace rules",
        files=(ruleset,),
    )


def _linked(settings: Settings) -> Step:
    bucket, project = settings.bucket, settings.project
    return Step(
        title=f"Bucket {bucket} is Firebase's",
        why="Storage's rules hold for buckets that are linked to Firebase, no others.",
        checks=(
            Check(
                command=Command(
                    argv=(*_curl(settings), f"{_STORAGE_SERVICE}/projects/{project}/buckets"),
                    authorized=True,
                ),
                expect=Required(expect=ListEntry(name=f"buckets/{bucket}", list_key="buckets")),
            ),
        ),
        create=(),
        foreign_message=f"gs://{bucket} is not linked to Firebase, so rules would not be asked. "
        "Import it in the Firebase console (Storage, Add bucket), or name the app's own bucket; "
        "--omit rules where the app has no Firebase Storage",
        foreseeable=True,
    )


def _get(settings: Settings, path: str) -> Command:
    return Command(argv=(*_curl(settings), f"{_RULES_SERVICE}/{path}"), authorized=True)


def _post(settings: Settings, path: str, body: str, method: str = "POST") -> Command:
    words = ("-X", method, "-H", "Content-Type: application/json", "--data", body)
    return Command(argv=(*_curl(settings), *words, f"{_RULES_SERVICE}/{path}"), authorized=True)


def _curl(settings: Settings) -> tuple[str, ...]:
    quota = f"X-Goog-User-Project: {settings.project}"
    return ("curl", "--fail-with-body", "--silent", "--show-error", "-H", "@-", "-H", quota)


def _cors(settings: Settings, data: DataConfig) -> Step:
    bucket, project = f"gs://{settings.bucket}", names.project(settings)
    return Step(
        title=f"CORS of {bucket}",
        why="Browsers may read videos and pictures by their URLs; apps on phones need none.",
        checks=(
            Check(
                command=gcloud("storage buckets describe", bucket, project, "--format=json"),
                expect=BucketCors(cors=data.cors),
            ),
        ),
        create=(gcloud("storage buckets update", bucket, "--cors-file=deploy/cors.json", project),),
        foreseeable=True,
        leaves="CORS stays: it opens nothing that a URL's token does not open",
        foreign_message=None
        if Part.CORS in settings.replaces
        else "it has a CORS configuration of its own. Add deploy/cors.json to it and go on with "
        "--omit cors; or --replace cors",
    )


def _lifecycle(settings: Settings, data: DataConfig) -> Step:
    bucket, project = f"gs://{settings.bucket}", names.project(settings)
    return Step(
        title=f"Lifecycle of {bucket}",
        why="Caches hold how a person moves: what was kept a month ago goes, and what the HTTP API "
        "was sent after two days.",
        checks=(
            Check(
                command=gcloud("storage buckets describe", bucket, project, "--format=json"),
                expect=BucketLifecycle(rules=data.lifecycle),
            ),
        ),
        create=(
            gcloud(
                "storage buckets update",
                bucket,
                "--lifecycle-file=deploy/lifecycle.json",
                project,
            ),
        ),
        foreseeable=True,
        leaves="caches that are left behind go too",
        foreign_message=None
        if Part.LIFECYCLE in settings.replaces
        else "it has lifecycle rules of its own, and not ours. Add the rule of "
        "deploy/lifecycle.json to them; or go on with --omit lifecycle; or --replace lifecycle, "
        "which takes the others away",
    )


def _expiry(settings: Settings, group: str, field: str) -> Step:
    flags = (f"--collection-group={group}", f"--database={names.DATABASE}", names.project(settings))
    return Step(
        title=f"Expiry of {group}",
        why="Firestore deletes these documents when their time is over: nothing else surely does.",
        checks=(
            Check(
                command=gcloud("firestore fields ttls list", *flags, "--format=json"),
                expect=ListEntry(name=f"collectionGroups/{group}/fields/{field}"),
            ),
        ),
        create=(gcloud("firestore fields ttls update", field, *flags, "--enable-ttl", "--async"),),
        leaves=f"{group} go on expiring, so that those left behind go too",
    )


def _exemption(settings: Settings, group: str, field: str) -> Step:
    group = settings.collection if group == _AVATARS else group
    flags = (f"--collection-group={group}", f"--database={names.DATABASE}", names.project(settings))
    return Step(
        title=f"No index on {group}.{field}",
        why="Nobody queries by it; indexing it would cost at every write.",
        checks=(
            Check(
                command=gcloud("firestore indexes fields list", *flags, "--format=json"),
                expect=NoIndexes(name=f"collectionGroups/{group}/fields/{field}"),
            ),
        ),
        create=(
            gcloud(
                "firestore indexes fields update", field, *flags, "--disable-indexes", "--async"
            ),
        ),
        leaves=f"{group}.{field} stays without an index, as the documents left behind are",
    )
