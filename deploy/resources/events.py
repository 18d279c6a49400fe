"""Events: the triggers of avatars and of talks, their subscriptions, dead letters."""

from dataclasses import dataclass

from deploy import names
from deploy.checks import EntryWhere, Field, ListEntry, Path, SingleResource
from deploy.command import Command, gcloud
from deploy.resources import pubsub
from deploy.resources.access.iam import identity
from deploy.resources.pubsub import Limits
from deploy.settings import Settings
from deploy.step import Check, Policy, Step, grant

# A day: each message holds whole documents, and reconcile mends what they tell.
_RETENTION: Limits = {"message-retention-duration": (("messageRetentionDuration",), "86400s")}
_EVENT = "google.cloud.firestore.document.v1.written"


@dataclass(frozen=True, kw_only=True)
class _Source:
    """Documents whose writes are told, and the names of what tells of them."""

    trigger: str
    documents: str  # a pattern, below the collection of avatars
    subscription: str  # the variable that holds its name, which Eventarc chooses
    what: str


_AVATARS = _Source(
    trigger=names.TRIGGER,
    documents="{avatarId}",
    subscription=names.TRIGGER_SUBSCRIPTION,
    what="the trigger",
)
_TALKS = _Source(
    trigger=names.TALK_TRIGGER,
    documents="{avatarId}/talks/{talkId}",
    subscription=names.TALK_SUBSCRIPTION,
    what="the talks' trigger",
)


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps; dead letters first, because the subscription refers to them."""
    return (
        pubsub.topic(
            settings,
            names.DEAD_LETTERS,
            why="Where an event ends that could not be answered again and again.",
        ),
        pubsub.subscription(
            settings,
            names.DEAD_LETTERS,
            _RETENTION,
            why="Without one, dead letters are gone; a person reads it, nothing is pushed.",
        ),
        pubsub.publisher(
            settings,
            names.DEAD_LETTERS,
            names.agent("pubsub"),
            title="Pub/Sub may put dead letters away",
            why="Its agent moves them, not the service.",
            before=(identity(settings, "pubsub"),),
        ),
        *(
            step
            for source in (_AVATARS, _TALKS)
            for step in (
                _trigger(settings, source),
                _subscription(settings, source),
                _subscriber(settings, source),
            )
        ),
    )


def _trigger(settings: Settings, source: _Source) -> Step:
    location = (f"--location={names.FIRESTORE_LOCATION}", names.project(settings))
    fields: dict[Path, str] = {
        ("destination", "cloudRun", "service"): names.receiver(settings),
        ("destination", "cloudRun", "region"): settings.region,
        ("eventFilters", EntryWhere("attribute", "document"), "value"): _document(settings, source),
        ("serviceAccount",): names.account(settings, names.TRIGGER_CALLER),
    }
    flags = _destination(settings, source)
    create = gcloud("eventarc triggers create", source.trigger, *flags, *location)
    delete = gcloud("eventarc triggers delete", source.trigger, *location, "--quiet")
    return Step(
        title=f"Trigger {source.trigger}",
        why="In the database's location, wherever the services are: elsewhere it never fires and "
        "says nothing. Fields cannot be filtered; the gate does that.",
        checks=(
            Check(
                command=gcloud("eventarc triggers list", *location, "--format=json"),
                expect=ListEntry(
                    name=source.trigger,
                    fields=tuple(Field(path, value) for path, value in fields.items()),
                ),
            ),
        ),
        create=(create,),
        update=(delete, create),  # filters cannot be changed in place
        remove=(delete,),
        eventually_consistent=True,
    )


def _document(settings: Settings, source: _Source) -> str:
    return f"{settings.collection}/{source.documents}"


def _destination(settings: Settings, source: _Source) -> tuple[str, ...]:
    """Return the flags for the trigger's filters and destination."""
    return (
        f"--destination-run-service={names.receiver(settings)}",
        f"--destination-run-region={settings.region}",
        f"--event-filters=type={_EVENT}",
        f"--event-filters=database={names.DATABASE}",
        f"--event-filters-path-pattern=document={_document(settings, source)}",
        "--event-data-content-type=application/protobuf",
        f"--service-account={names.account(settings, names.TRIGGER_CALLER)}",
    )


def _subscription(settings: Settings, source: _Source) -> Step:
    project = names.project(settings)
    # In the one-service deployment an event is a render, which may wait for others.
    attempts = "100" if settings.single else "20"
    topic = f"projects/{settings.project}/topics/{names.DEAD_LETTERS}"
    limits: Limits = {
        "ack-deadline": (("ackDeadlineSeconds",), "600"),
        "dead-letter-topic": (("deadLetterPolicy", "deadLetterTopic"), topic),
        "max-delivery-attempts": (("deadLetterPolicy", "maxDeliveryAttempts"), attempts),
        "min-retry-delay": (("retryPolicy", "minimumBackoff"), "10s"),
        "max-retry-delay": (("retryPolicy", "maximumBackoff"), "600s"),
        **_RETENTION,
    }
    subscription = (source.subscription, project)
    return Step(
        title=f"The subscription of {source.what}",
        why="Ten minutes to answer instead of ten seconds; back-off; dead letters after "
        f"{attempts} attempts.",
        captures=(_subscription_lookup(project, source),),
        checks=(
            Check(
                command=gcloud("pubsub subscriptions describe", *subscription, "--format=json"),
                expect=SingleResource(fields=pubsub.fields(limits)),
            ),
        ),
        create=(gcloud("pubsub subscriptions update", *subscription, *pubsub.flags(limits)),),
        eventually_consistent=True,
    )


def _subscription_lookup(project: str, source: _Source) -> Command:
    """Return the command that captures the subscription's name, which Eventarc chooses."""
    return gcloud(
        "eventarc triggers describe",
        source.trigger,
        f"--location={names.FIRESTORE_LOCATION}",
        project,
        "--format=value(transport.pubsub.subscription)",
        capture=source.subscription.strip("${}"),
    )


def _subscriber(settings: Settings, source: _Source) -> Step:
    return grant(
        Policy(
            group="pubsub subscriptions",
            target=(source.subscription, names.project(settings)),
        ),
        role="roles/pubsub.subscriber",
        member=names.agent("pubsub"),
        title=f"Pub/Sub may take dead letters out of {source.what}",
        why="Its agent acknowledges in the subscription what it moved to the dead letters.",
    )
