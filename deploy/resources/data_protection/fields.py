"""Fields of documents: those that end a document's life, and those that have no index."""

from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ListEntry, ResourceState, Variables
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Step

_AVATARS = "avatars"  # as firestore.indexes.json calls the collection


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


def expiry(settings: Settings, group: str, field: str) -> Step:
    """Return the step of the expiry of a group's documents at the time in a field."""
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


def exemption(settings: Settings, group: str, field: str) -> Step:
    """Return the step that takes the indexes off a field of a group's documents."""
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
