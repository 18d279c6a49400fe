"""IAM: the least roles, each on the smallest resource that has a policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from deploy import names
from deploy.checks import CheckResult, Demanded, ListEntry, ResourceState, Variables
from deploy.command import Command, gcloud
from deploy.resources.access import objects
from deploy.resources.run_service import CLOSED
from deploy.settings import Settings
from deploy.step import Check, Condition, Policy, Step, grant


@dataclass(frozen=True, kw_only=True)
class NotPublic:
    """The policy grants nothing to the public."""

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where the policy is public."""
        members = {name for binding in output.get("bindings", []) for name in binding["members"]}
        open_to_all = members & {"allUsers", "allAuthenticatedUsers"}
        return CheckResult(state=ResourceState.FOREIGN if open_to_all else ResourceState.MATCHES)


def data_access(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for the function's access to the database and to its folders' objects."""
    documents = (document_access(settings, runner) for runner in names.runners(settings))
    return (*documents, *objects.steps(settings), *_weights_access(settings))


def document_access(settings: Settings, account: str) -> Step:
    """Return the step for an account's access to the database."""
    return grant(
        _project(settings),
        role="roles/datastore.user",
        member=names.member(settings, account),
        condition=Condition(
            title="idle-database",
            expression=f'resource.name=="projects/{settings.project}/databases/{names.DATABASE}"',
        ),
        title=f"{account} may read and write documents",
        why=f"Of the database {names.DATABASE}, in no other; no indexes, no rules.",
    )


def _weights_access(settings: Settings) -> Iterator[Step]:
    bucket, _ = settings.weights_bucket
    for runner in names.renderers(settings) if bucket else ():
        yield grant(
            Policy(
                group="storage buckets",
                target=(f"gs://{bucket}", names.project(settings)),
                conditional=True,
                persistent=True,
            ),
            role="roles/storage.objectViewer",
            member=names.member(settings, runner),
            title=f"{runner} may read the weights",
            why="They are mounted read-only.",
        )


def service_agents(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for Google's service agents, which exist only once they are created."""
    wanted = [("eventarc", "carries events"), ("cloudscheduler", "starts the job")]
    if not settings.single:
        wanted.append(("cloudtasks", "signs the tasks' tokens"))
    return tuple(
        grant(
            _project(settings),
            role=f"roles/{service}.serviceAgent",
            member=names.agent(service),
            title=f"Service agent of {service}",
            why=f"Google's account that {duty}. It has this role wherever the service is in use; a "
            "new project lacks the account itself for a while.",
            before=(identity(settings, service),),
            leaves=f"Google's agent of {service} keeps its role: it is the project's, not ours",
        )
        for service, duty in wanted
    )


def storage_rules(settings: Settings) -> Step:
    """Return the step that lets Storage's rules read an avatar's owner in Firestore."""
    return grant(
        _project(settings),
        role="roles/firebaserules.firestoreServiceAgent",
        member=names.agent("firebasestorage"),
        title="Storage's rules may read documents",
        why="They ask Firestore who owns an avatar; without this every upload is refused.",
        before=(identity(settings, "firebasestorage"),),
        leaves="Storage's rules may go on reading documents, since they stay in force",
    )


def identity(settings: Settings, service: str) -> Command:
    """Return the command that creates a service agent where it does not exist."""
    return gcloud(
        "beta services identity create",
        f"--service={service}.googleapis.com",
        names.project(settings),
    )


def self_knowledge(settings: Settings) -> Step:
    """Return the step that lets the renderer read who may call it."""
    return grant(
        _service(settings, names.RENDERER),
        role="roles/run.viewer",
        member=names.member(settings, names.RENDERER),
        title=f"{names.RENDERER} may read who may call it",
        why="It believes tokens whose signature Cloud Run has removed, so it does not get ready "
        "while Cloud Run lets others through. Of this service only.",
    )


def invokers(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for the callers of the services."""
    services = (names.GATE, names.RENDERER) if settings.has_gate else (names.RENDERER,)
    return (
        *(_not_public(settings, service) for service in services),
        *(_trigger(settings) if settings.answers_events else ()),
        _start(settings),
        *((_signature(settings),) if settings.answers_events else ()),
        *(() if settings.single else _tasks(settings)),
    )


def _trigger(settings: Settings) -> tuple[Step, ...]:
    """Return the steps for the trigger's account."""
    receiver = names.receiver(settings)
    trigger = names.member(settings, names.TRIGGER_CALLER)
    return (
        grant(
            _project(settings),
            role="roles/eventarc.eventReceiver",
            member=trigger,
            title="The trigger may receive events",
            why="Eventarc asks it of the account that a trigger bears.",
        ),
        grant(
            _service(settings, receiver),
            role="roles/run.invoker",
            member=trigger,
            title=f"The trigger may call {receiver}",
            why="This service and no other.",
        ),
    )


def _start(settings: Settings) -> Step:
    location = (f"--region={settings.region}", names.project(settings))
    return grant(
        Policy(group="run jobs", target=(names.RECONCILE, *location)),
        role="roles/run.jobsExecutorWithOverrides",
        member=names.member(settings, names.SCHEDULER),
        title=f"The schedules may start {names.RECONCILE}",
        why="This job and nothing else, and say by its arguments what it goes over.",
    )


def _signature(settings: Settings) -> Step:
    """Return the step that lets Pub/Sub's agent sign the push subscription's token."""
    return grant(
        _account(settings, names.TRIGGER_CALLER),
        role="roles/iam.serviceAccountTokenCreator",
        member=names.agent("pubsub"),
        title="Pub/Sub may sign as the trigger",
        why="The token of its pushes; only projects of before April 2021 lack it.",
        before=(identity(settings, "pubsub"),),
    )


def _not_public(settings: Settings, service: str) -> Step:
    policy = _service(settings, service)
    location = (f"--region={settings.region}", names.project(settings))
    return Step(
        title=f"Strangers may not call {service}",
        why="It believes what Cloud Run lets through. A new service is closed; only a person can "
        "have opened it. The invoker's check and the ingress are read back after the deployment.",
        checks=(
            Check(command=policy.command("get-iam-policy", "--format=json"), expect=NotPublic()),
            Check(
                command=gcloud("run services list", *location, "--format=json"),
                expect=Demanded(
                    expect=ListEntry(name=service, key=("metadata", "name"), fields=CLOSED)
                ),
            ),
        ),
        create=(),
        foreign_message="its policy lets allUsers or allAuthenticatedUsers call it, or callers "
        "are not checked (--invoker-iam-check), or come from outside (--ingress=internal); "
        "accepted: none of these. Take them out (gcloud run services remove-iam-policy-binding), "
        "or find out who changes the service, then go on",
    )


def _tasks(settings: Settings) -> tuple[Step, ...]:
    senders = {
        names.GATE: (names.QUEUE, names.DEBOUNCE_QUEUE, names.REPAIRS_QUEUE),
        names.RENDERER: (names.QUEUE, names.REPAIRS_QUEUE),
        names.RECONCILE: (names.REPAIRS_QUEUE,),
    }
    steps = (
        step
        for sender, queues in senders.items()
        for step in task_access(settings, sender, *queues)
    )
    gate = (task_caller(settings, names.GATE),) if settings.has_gate else ()
    return (*steps, *gate)


def task_caller(settings: Settings, service: str) -> Step:
    """Return the step that lets tasks call a service."""
    return grant(
        _service(settings, service),
        role="roles/run.invoker",
        member=names.member(settings, names.TASKS_CALLER),
        title=f"The queues may call {service}",
        why="The account that tasks bear, gate and renderer only: all that it can do.",
    )


def task_access(settings: Settings, sender: str, *queues: str) -> tuple[Step, ...]:
    """Return the steps that let an account leave tasks in queues."""
    member = names.member(settings, sender)
    return (
        *(_enqueuer(settings, queue, sender, member) for queue in queues),
        grant(
            _account(settings, names.TASKS_CALLER),
            role="roles/iam.serviceAccountUser",
            member=member,
            title=f"{sender} may let tasks bear {names.TASKS_CALLER}",
            why="Cloud Tasks asks it of whoever makes a task with a token.",
        ),
    )


def _enqueuer(settings: Settings, queue: str, sender: str, member: str) -> Step:
    policy = Policy(
        group="tasks queues",
        target=(queue, f"--location={settings.region}", names.project(settings)),
    )
    return grant(
        policy,
        role="roles/cloudtasks.enqueuer",
        member=member,
        title=f"{sender} may leave tasks in {queue}",
        why="In this queue; it may neither list nor delete what is in it.",
    )


def _project(settings: Settings) -> Policy:
    return Policy(group="projects", target=(settings.project,), conditional=True, persistent=True)


def _service(settings: Settings, name: str) -> Policy:
    location = (f"--region={settings.region}", names.project(settings))
    return Policy(group="run services", target=(name, *location))


def _account(settings: Settings, name: str) -> Policy:
    return Policy(
        group="iam service-accounts",
        target=(names.account(settings, name), names.project(settings)),
        conditional=True,
    )
