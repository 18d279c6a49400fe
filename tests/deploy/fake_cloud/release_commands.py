"""Commands on revisions and traffic, and a candidate's golden avatar."""

import json
from typing import Any

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.handlers import Handler, list_handler, location_of
from tests.deploy.fake_cloud.project import NUMBER, PROJECT, Cloud, CommandRefused

LATEST = "LATEST"


def add_revision(cloud: Cloud, words: Arguments, service: dict[str, Any], is_new: bool) -> None:
    """Make the revision of a deployment, and give it the traffic that Cloud Run would."""
    name = words.positional[-1]
    if is_new and words.has("no-traffic"):
        raise CommandRefused("--no-traffic not supported when creating a new service.")
    cloud.revision_count += 1
    revision = f"{name}-{cloud.revision_count:05d}-abc"
    cloud.things.setdefault("revisions", {})[revision] = {
        "metadata": {
            "name": revision,
            "creationTimestamp": f"2026-11-30T00:00:{cloud.revision_count:02d}Z",
            "labels": dict(service["metadata"].get("labels", {})),
        },
        "spec": {"containers": service["spec"]["template"].get("spec", {}).get("containers", [])},
        "#service": name,
        "#place": words.flag("region"),
    }
    status = service.setdefault("status", {})
    before = status.get("latestCreatedRevisionName", "")
    status["latestCreatedRevisionName"] = revision
    targets = service.setdefault("#traffic", {"percent": {LATEST: 100}, "tags": {}})
    if words.has("no-traffic") and LATEST in targets["percent"]:
        targets["percent"] = {before: 100}
    if words.has("tag"):
        targets["tags"][words.flag("tag")] = revision
    show_traffic(service)


def show_traffic(service: dict[str, Any]) -> None:
    """Show a service's traffic as its status does: shares first, then tags."""
    newest, wanted = service["status"]["latestCreatedRevisionName"], service["#traffic"]
    shares = [
        {"percent": share, "revisionName": newest if name == LATEST else name}
        for name, share in wanted["percent"].items()
    ]
    tags = [{"tag": tag, "revisionName": name} for tag, name in wanted["tags"].items()]
    service["status"]["traffic"] = [*shares, *tags]


def _described(cloud: Cloud, words: Arguments) -> str:
    service = cloud.find("services", words.positional[3])
    assert words.flag("format") == "value(status.latestCreatedRevisionName)"
    return f"{service['status']['latestCreatedRevisionName']}\n"


def _services(cloud: Cloud, words: Arguments) -> Any:
    if not words.has("flatten"):
        return list_handler("services")(cloud, words)
    assert words.flag("flatten") == "status.traffic[]"
    assert words.flag("format") == "value(status.traffic.revisionName)"
    name, target = words.flag("filter").removeprefix("metadata.name=").split(" AND ")
    key, value = target.removeprefix("status.traffic.").split("=")
    targets = cloud.find("services", name)["status"]["traffic"]
    return "".join(f"{one['revisionName']}\n" for one in targets if str(one.get(key)) == value)


def _moved(cloud: Cloud, words: Arguments) -> str:
    service = cloud.find("services", words.positional[3])
    if words.has("remove-tags"):
        del service["#traffic"]["tags"][words.flag("remove-tags")]
        show_traffic(service)
        return ""
    tags = dict(pair.split("=") for pair in words.flag("update-tags").split(","))
    for name in tags.values():
        cloud.find("revisions", name)
    service["#traffic"]["tags"] |= tags
    if words.has("to-revisions"):
        revision, share = words.flag("to-revisions").split("=")
        cloud.find("revisions", revision)
        service["#traffic"]["percent"] = {revision: int(share)}
    show_traffic(service)
    return ""


def _revisions(cloud: Cloud, words: Arguments) -> Any:
    made = cloud.things.get("revisions", {}).values()
    found = [one for one in made if one["#service"] == words.flag("service")]
    if not words.has("flatten"):
        return found
    assert words.flag("flatten") == "spec.containers[].env[]"
    assert words.flag("format") == "value(spec.containers.env.value)"
    name, variable = words.flag("filter").removeprefix("metadata.name=").split(" AND ")
    told = cloud.find("revisions", name)["spec"]["containers"][0]["env"]
    wanted = variable.removeprefix("spec.containers.env.name=")
    return "".join(f"{one['value']}\n" for one in told if one["name"] == wanted)


def _revision_described(cloud: Cloud, words: Arguments) -> str:
    revision = cloud.find("revisions", words.positional[3])
    assert words.flag("format") == "value(spec.containers[0].image)"
    return f"{revision['spec']['containers'][0]['image']}\n"


def _revision_gone(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    service = cloud.find("services", cloud.find("revisions", name)["#service"])
    status = service["status"]
    served = {one["revisionName"] for one in status["traffic"]}
    if name in served | {status["latestCreatedRevisionName"]}:
        raise CommandRefused(f"Revision {name} is receiving traffic, has a tag, or is the latest")
    del cloud.things["revisions"][name]
    return ""


def _checked(cloud: Cloud, words: Arguments) -> str:
    """Deliver the task at once to the revision that its URL names."""
    queue, region = words.flag("queue"), location_of(words)
    cloud.find("queues", queue)
    service = cloud.find("services", "idle-renderer")
    base = f"https://idle-renderer-{NUMBER}.{region}.run.app"
    assert words.flag("url") == base.replace("https://", "https://candidate---") + "/check"
    assert words.flag("oidc-token-audience") == base
    tags = service["#traffic"]["tags"]
    assert "candidate" in tags, "its URL does not exist"
    caller = f"serviceAccount:{words.flag('oidc-service-account-email')}"
    bound = cloud.policies.get(f"run|services|idle-renderer|{region}", set())
    assert ("roles/run.invoker", caller, None) in bound, "the task would be refused"
    report = {"passed": not cloud.problems, "problems": cloud.problems}
    cloud.reports.append({**report, "revision": tags["candidate"]})
    name = f"{9000 + len(cloud.reports)}"
    return f"projects/{PROJECT}/locations/{region}/queues/{queue}/tasks/{name}\n"


def _report(cloud: Cloud, words: Arguments) -> str:
    path = words.positional[2].removeprefix(f"gs://{cloud.bucket}/livePortraitCache/checks/")
    number = int(path.removesuffix(".json")) - 9001
    if not 0 <= number < len(cloud.reports):
        raise CommandRefused(f"The following URLs matched no objects or files:\n{path}")
    return json.dumps(cloud.reports[number], indent=2)


def _job_updated(cloud: Cloud, words: Arguments) -> str:
    job = cloud.find("jobs", words.positional[3])
    container = job["spec"]["template"]["spec"]["template"]["spec"]["containers"][0]
    container["image"] = words.flag("image")
    for pair in words.flags("update-env-vars"):
        name, value = pair.split("=")
        (known,) = (one for one in container["env"] if one["name"] == name)
        known["value"] = value
    label, value = words.flag("update-labels").split("=")
    job["metadata"]["labels"][label] = value
    return ""


RELEASE_COMMANDS: dict[str, Handler] = {
    "run services list": _services,
    "run services describe": _described,
    "run services update-traffic": _moved,
    "run revisions list": _revisions,
    "run revisions describe": _revision_described,
    "run revisions delete": _revision_gone,
    "run jobs update": _job_updated,
    "tasks create-http-task": _checked,
    "storage cat": _report,
}
