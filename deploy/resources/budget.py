"""The budget of a month: it warns; and, where that is wanted, it pauses what costs."""

from deploy import names
from deploy.checks import Field, FieldCheck, ListEntry
from deploy.command import gcloud
from deploy.resources import pubsub
from deploy.settings import Part, Settings
from deploy.step import Check, Policy, Step, grant

_SHARES = ("0.5", "0.9", "1.0")  # at which the billing account's administrators are notified
_PUBLISHER = "serviceAccount:billing-budget-alert@system.gserviceaccount.com"  # Google's, for all
_PAUSE = "cloudtasks.queues.pause"
_PATH = "/budget"
PAUSED_QUEUES = (names.QUEUE, names.REPAIRS_QUEUE)  # those that lead to the renderer


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps: the budget, and with `budget_pauses` the way of its notices to the gate."""
    if Part.BUDGET in settings.omits:
        return ()
    if not settings.budget_pauses:
        return (_budget(settings),)
    return (
        pubsub.topic(settings, names.BUDGET_TOPIC, why="Where the budget's notices come from."),
        pubsub.publisher(
            settings,
            names.BUDGET_TOPIC,
            _PUBLISHER,
            title="Cloud Billing may publish the budget's notices",
            why="Google's account for the notices of all budgets; in this topic.",
        ),
        _role(settings),
        *(_pauser(settings, queue) for queue in PAUSED_QUEUES),
        _subscription(settings),
        _budget(settings),
    )


def _budget(settings: Settings) -> Step:
    billing = f"--billing-account={names.BILLING_ACCOUNT}"
    charged = f"--billing-project={settings.project}"  # the project whose API quota is used
    changes = [f"--budget-amount={settings.budget}"]
    fields: list[FieldCheck] = [Field(("amount", "specifiedAmount", "units"), str(settings.budget))]
    why = "It warns and stops nothing. What stops is the queues' and the services' instances."
    if settings.budget_pauses:
        topic = f"projects/{settings.project}/topics/{names.BUDGET_TOPIC}"
        changes.append(f"--notifications-rule-pubsub-topic={topic}")
        fields.append(Field(("notificationsRule", "pubsubTopic"), topic))
        why = "It warns, and its notices tell the gate what was spent, several times a day."
    rules = tuple(f"--threshold-rule=percent={share}" for share in _SHARES)
    budgets, title = "billing budgets", f"{names.BUDGET} {settings.project}"
    return Step(
        title=f"Budget “{title}”",
        why=f"{settings.budget} a month in the account's currency. {why}",
        checks=(
            Check(
                command=gcloud(f"{budgets} list", billing, charged, "--format=json"),
                expect=ListEntry(
                    name=title,
                    key=("displayName",),
                    fields=tuple(fields),
                    defines={"ITEM": ("name",)},
                ),
            ),
        ),
        create=(
            gcloud(
                f"{budgets} create",
                billing,
                f"--display-name={title}",
                *changes,
                *rules,
                f"--filter-projects=projects/{settings.project}",
                "--calendar-period=month",
                charged,
            ),
        ),
        update=(gcloud(f"{budgets} update", names.ITEM, *changes, charged),),
        remove=(gcloud(f"{budgets} delete", names.ITEM, charged, "--quiet"),),
    )


def _role(settings: Settings) -> Step:
    project = names.project(settings)
    return Step(
        title=f"Role {names.PAUSER_ROLE}",
        why="Google's own role that may pause a queue may delete it, too.",
        checks=(
            Check(
                command=gcloud("iam roles list", project, "--show-deleted", "--format=json"),
                expect=ListEntry(name=names.PAUSER_ROLE),
            ),
        ),
        create=(
            gcloud(
                "iam roles create",
                names.PAUSER_ROLE,
                "--title=Idle videos: pause a queue",
                f"--permissions={_PAUSE}",
                "--stage=GA",
                project,
            ),
        ),
        leaves=f"the role {names.PAUSER_ROLE}, which nobody has any more: a deleted one's name is "
        "refused for weeks",
    )


def _pauser(settings: Settings, queue: str) -> Step:
    location = (f"--location={settings.region}", names.project(settings))
    return grant(
        Policy(group="tasks queues", target=(queue, *location)),
        role=f"projects/{settings.project}/roles/{names.PAUSER_ROLE}",
        member=names.member(settings, names.GATE),
        title=f"{names.GATE} may pause {queue}",
        why="When the budget is spent. It may not resume it: that is a person's part.",
    )


def _subscription(settings: Settings) -> Step:
    gate = names.service_url(settings, names.GATE)
    caller = names.account(settings, names.TRIGGER_CALLER)
    return pubsub.subscription(
        settings,
        names.BUDGET_TOPIC,
        {
            "push-endpoint": (("pushConfig", "pushEndpoint"), f"{gate}{_PATH}"),
            "push-auth-service-account": (
                ("pushConfig", "oidcToken", "serviceAccountEmail"),
                caller,
            ),
            "push-auth-token-audience": (("pushConfig", "oidcToken", "audience"), gate),
            "ack-deadline": (("ackDeadlineSeconds",), "60"),
            "min-retry-delay": (("retryPolicy", "minimumBackoff"), "10s"),
            "max-retry-delay": (("retryPolicy", "maximumBackoff"), "600s"),
            # A notice of yesterday says nothing: several of today's follow it.
            "message-retention-duration": (("messageRetentionDuration",), "86400s"),
        },
        why="Pushes the notices to the gate, in the name of the account that brings its events.",
    )
