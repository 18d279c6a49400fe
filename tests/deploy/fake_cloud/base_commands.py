"""Commands on APIs, accounts, policies, images and services."""

import json
from typing import Any

from tests.deploy.fake_cloud.arguments import Arguments
from tests.deploy.fake_cloud.handlers import (
    Handler,
    delete_handler,
    full_name,
    list_handler,
    location_of,
)
from tests.deploy.fake_cloud.project import NUMBER, PROJECT, REGION, Cloud, CommandRefused
from tests.deploy.fake_cloud.release_commands import add_revision


def _enable(cloud: Cloud, words: Arguments) -> str:
    cloud.enabled |= set(words.positional[2:])
    return ""


def _enabled(cloud: Cloud, words: Arguments) -> Any:
    return [{"config": {"name": name}, "state": "ENABLED"} for name in sorted(cloud.enabled)]


def _project(cloud: Cloud, words: Arguments) -> str:
    return f"{NUMBER}\n"


def _quotas(cloud: Cloud, words: Arguments) -> Any:
    return [
        {"quotaId": name, "dimensionsInfos": [{"dimensions": {"region": REGION}, "details": value}]}
        for name, value in ((name, {"value": str(limit)}) for name, limit in cloud.quotas.items())
    ]


def _database(cloud: Cloud, words: Arguments) -> str:
    if cloud.database is None:
        raise CommandRefused("NOT_FOUND: database (default)")
    return cloud.database if "type" in words.flag("format") else cloud.location


def _bucket(cloud: Cloud, words: Arguments) -> Any:
    if cloud.bucket is None or words.positional[3] != f"gs://{cloud.bucket}":
        raise CommandRefused("gs:// bucket: 404")
    if words.flag("format") == "json":
        told: dict[str, Any] = {"name": cloud.bucket}
        if cloud.is_uniform:
            told["uniform_bucket_level_access"] = True
        if cloud.cors:
            told["cors_config"] = cloud.cors
        if cloud.lifecycle:
            told["lifecycle_config"] = {"rule": cloud.lifecycle}
        return told
    return f"{cloud.bucket_location}\n"


def _folder(cloud: Cloud, words: Arguments) -> str:
    assert cloud.is_uniform, "managed folders need uniform access"
    bucket, _, name = words.positional[3].removeprefix("gs://").partition("/")
    cloud.make("folders", name, {"bucket": bucket, "name": name})
    return ""


def _update_bucket(cloud: Cloud, words: Arguments) -> str:
    if words.has("lifecycle-file"):
        path = cloud.root / words.flag("lifecycle-file")
        cloud.lifecycle = json.loads(path.read_text("utf-8"))["rule"]
    else:
        cloud.cors = json.loads((cloud.root / words.flag("cors-file")).read_text("utf-8"))
    return ""


def _identity(cloud: Cloud, words: Arguments) -> str:
    service = words.flag("service")
    if service not in cloud.enabled:
        raise CommandRefused(f"{service} is not enabled")
    cloud.agents.add(service.removesuffix(".googleapis.com"))
    return ""


def _account(cloud: Cloud, words: Arguments) -> str:
    email = f"{words.positional[3]}@{PROJECT}.iam.gserviceaccount.com"
    cloud.make("accounts", email, {"email": email, "displayName": words.flag("display-name")})
    return ""


def _account_gone(cloud: Cloud, words: Arguments) -> str:
    member = f"serviceAccount:{words.positional[3]}"
    for name, held in cloud.policies.items():
        left = {binding for binding in held if binding[1] == member}
        assert not left, f"{member} still has {left} on {name}"
    cloud.delete("accounts", words.positional[3])
    return ""


def _policy_name(words: Arguments, verb: str) -> str:
    index = words.positional.index(verb)
    target = words.positional[index + 1].rstrip("/").rpartition("/")[2]
    return "|".join((*words.positional[:index], target, location_of(words)))


def _exists(cloud: Cloud, words: Arguments, verb: str) -> None:
    kinds = {
        "run services": "services",
        "run jobs": "jobs",
        "tasks queues": "queues",
        "artifacts repositories": "repositories",
        "iam service-accounts": "accounts",
        "pubsub topics": "topics",
        "pubsub subscriptions": "subscriptions",
        "secrets": "secrets",
    }
    if words.starts("storage managed-folders"):
        url = words.positional[words.positional.index(verb) + 1]
        cloud.find("folders", url.removeprefix(f"gs://{cloud.bucket}/"))
    for prefix, kind in kinds.items():
        if words.starts(prefix):
            cloud.find(kind, words.positional[words.positional.index(verb) + 1].rpartition("/")[2])


def policy(cloud: Cloud, words: Arguments) -> Any:
    """Answer `get-iam-policy`."""
    _exists(cloud, words, "get-iam-policy")
    bindings: list[Any] = []
    for role, member, title in sorted(
        cloud.policies.get(_policy_name(words, "get-iam-policy"), set()), key=str
    ):
        binding: dict[str, Any] = {"role": role, "members": [member]}
        if title is not None:
            binding["condition"] = {"title": title, "expression": "…"}
        bindings.append(binding)
    return {"bindings": bindings, "etag": "x"} if bindings else {"etag": "x"}


def _binding(words: Arguments) -> tuple[str, str, str | None]:
    condition = words.flag("condition", "None")
    title = None if condition == "None" else condition.partition("title=")[2]
    return words.flag("role"), words.flag("member"), title


def bind(cloud: Cloud, words: Arguments) -> str:
    """Answer `add-iam-policy-binding`."""
    _exists(cloud, words, "add-iam-policy-binding")
    cloud.check_member(words.flag("member"))
    cloud.policies.setdefault(_policy_name(words, "add-iam-policy-binding"), set()).add(
        _binding(words)
    )
    return ""


def _unbind(cloud: Cloud, words: Arguments) -> str:
    held = cloud.policies[_policy_name(words, "remove-iam-policy-binding")]
    held.remove(_binding(words))
    return ""


def _repository(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3]
    cloud.make(
        "repositories", name, {"name": full_name(words, "repositories", name), "format": "DOCKER"}
    )
    return ""


def _build_bucket(cloud: Cloud, words: Arguments) -> str:
    name = words.positional[3].removeprefix("gs://")
    cloud.make("buckets", name, {"name": name})
    return ""


def _build_bucket_gone(cloud: Cloud, words: Arguments) -> str:
    cloud.delete("buckets", words.positional[2].removeprefix("gs://"))
    return ""


def _clean_up(cloud: Cloud, words: Arguments) -> str:
    policies = json.loads((cloud.root / words.flag("policy")).read_text("utf-8"))
    named = {policy["name"]: {"id": policy["name"]} for policy in policies}
    cloud.change("repositories", words.positional[3], {"cleanupPolicies": named})
    return ""


def _build(cloud: Cloud, words: Arguments) -> str:
    recipe = json.loads((cloud.root / words.flag("config")).read_text("utf-8"))
    (image,) = recipe["images"]
    repository, _, tag = image.rpartition(":")
    cloud.find("repositories", repository.split("/")[2])
    cloud.things.setdefault("images", {})[image] = {"package": repository, "tags": [tag]}
    return ""


def _told(words: Arguments) -> list[dict[str, Any]]:
    pairs = words.flag("set-env-vars").removeprefix("^|^").split("|")
    return [dict(zip(("name", "value"), pair.split("=", 1), strict=True)) for pair in pairs]


def _secrets(words: Arguments) -> list[dict[str, Any]]:
    pairs = (text.split("=", 1) for text in words.flags("set-secrets"))
    named = ((name, *of.split(":")) for name, of in pairs)
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": version}}}
        for name, secret, version in named
    ]


def _secret_versions(cloud: Cloud, words: Arguments) -> str:
    """The newest enabled version; an enabled one of a fake secret is a key of `#versions`."""
    for flag, value in (("filter", "state=ENABLED"), ("sort-by", "~createTime"), ("limit", "1")):
        assert words.flag(flag) == value
    assert words.flag("format") == "value(name.basename())"
    secret = cloud.find("secrets", words.positional[3])
    return f"{max(secret['#versions'], default='')}\n"


def _container(words: Arguments) -> dict[str, Any]:
    limits = {"cpu": words.flag("cpu", "1"), "memory": words.flag("memory", "512Mi")}
    if words.has("gpu"):
        limits["nvidia.com/gpu"] = words.flag("gpu")
    container = {
        "image": words.flag("image"),
        "env": _told(words) + _secrets(words),
        "resources": {"limits": limits},
    }
    for flag, name in (("startup-probe", "startupProbe"), ("liveness-probe", "livenessProbe")):
        probe = words.flag(flag, "").partition("httpGet.path=")[2].partition(",")[0]
        container[name] = {"httpGet": {"path": probe}}
    return container


def _spec(words: Arguments) -> dict[str, Any]:
    label, _, digest = words.flag("labels").partition("=")
    return {
        "metadata": {
            "name": words.positional[-1],
            "labels": {label: digest},
            "annotations": _annotations(words),
        },
        "spec": {
            "template": {
                "spec": {
                    "containers": [_container(words)],
                    "nodeSelector": {"run.googleapis.com/accelerator": words.flag("gpu-type", "")},
                    "serviceAccountName": words.flag("service-account"),
                    "containerConcurrency": int(words.flag("concurrency", "0")),
                    "timeoutSeconds": int(words.flag("timeout", "0")),
                }
            }
        },
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        "#place": words.flag("region"),
        "#flags": sorted(word for word in words.argv if word.startswith("--")),
    }


def _annotations(words: Arguments) -> dict[str, str]:
    """As gcloud writes them, unless told otherwise."""
    open_to_all = words.has("no-invoker-iam-check")
    return {
        "run.googleapis.com/ingress": words.flag("ingress", "all"),
        "run.googleapis.com/invoker-iam-disabled": str(open_to_all),
    }


def _template_annotations(
    known: dict[str, Any] | None, words: Arguments
) -> dict[str, dict[str, str]]:
    """What a service's template had stays, unless a flag says otherwise."""
    before = (known or {}).get("spec", {}).get("template", {}).get("metadata", {})
    annotations = dict(before.get("annotations", {}))
    for name, is_off in (("deploy-health-check", "False"), ("no-deploy-health-check", "True")):
        if words.has(name):
            annotations["run.googleapis.com/health-check-disabled"] = is_off
    if words.has("max-instances"):
        annotations |= {
            "autoscaling.knative.dev/maxScale": words.flag("max-instances"),
            "run.googleapis.com/cpu-throttling": str(words.has("cpu-throttling")).lower(),
            "run.googleapis.com/gpu-zonal-redundancy-disabled": "true",
        }
    return {"annotations": annotations} if annotations else {}


def _beta(cloud: Cloud, words: Arguments) -> str:
    if words.has("no-deploy-health-check"):
        return _shell(cloud, words)
    return _deployed("services")(cloud, words)


def _shell(cloud: Cloud, words: Arguments) -> str:
    cloud.find("images", words.flag("image"))
    cloud.check_member(words.flag("service-account"))
    name = words.positional[-1]
    metadata = {"name": name, "annotations": _annotations(words)}
    template = {"metadata": _template_annotations(None, words)}
    body = {"metadata": metadata, "spec": {"template": template}, "#place": words.flag("region")}
    cloud.things.setdefault("services", {})[name] = body
    add_revision(cloud, words, body, is_new=True)
    return ""


def _deployed(kind: str) -> Handler:
    def handler(cloud: Cloud, words: Arguments) -> str:
        cloud.find("images", words.flag("image"))
        cloud.check_member(words.flag("service-account"))
        kept = cloud.things.setdefault(kind, {})
        known, made = kept.get(words.positional[-1]), _spec(words)
        kept[words.positional[-1]] = made
        if kind == "jobs":  # an execution's template has a task's
            made["spec"]["template"] = {"spec": {"template": made["spec"]["template"]}}
            return ""
        made["spec"]["template"]["metadata"] = _template_annotations(known, words)
        if known is not None:
            made["#traffic"] = known["#traffic"]
            made["status"] |= known["status"] | made["status"]
        add_revision(cloud, words, made, is_new=known is None)
        return ""

    return handler


def _service_gone(cloud: Cloud, words: Arguments) -> str:
    name, revisions = words.positional[3], cloud.things.get("revisions", {})
    cloud.delete("services", name)
    for revision in [key for key, one in revisions.items() if one["#service"] == name]:
        del revisions[revision]
    return ""


BASE_COMMANDS: dict[str, Handler] = {
    "auth print-access-token": lambda cloud, words: "the-token\n",
    "services list": _enabled,
    "services enable": _enable,
    "beta services identity create": _identity,
    "projects describe": _project,
    "projects get-iam-policy": policy,
    "projects add-iam-policy-binding": bind,
    "projects remove-iam-policy-binding": _unbind,
    "firestore databases describe": _database,
    "storage buckets list": list_handler("buckets"),
    "storage buckets describe": _bucket,
    "storage buckets create": _build_bucket,
    "storage buckets update": _update_bucket,
    "storage buckets get-iam-policy": policy,
    "storage buckets add-iam-policy-binding": bind,
    "storage buckets remove-iam-policy-binding": _unbind,
    "storage managed-folders list": list_handler("folders"),
    "storage managed-folders create": _folder,
    "storage managed-folders get-iam-policy": policy,
    "storage managed-folders add-iam-policy-binding": bind,
    "storage managed-folders remove-iam-policy-binding": _unbind,
    "storage rm": _build_bucket_gone,
    "iam service-accounts list": list_handler("accounts"),
    "iam service-accounts create": _account,
    "iam service-accounts delete": _account_gone,
    "iam service-accounts get-iam-policy": policy,
    "iam service-accounts add-iam-policy-binding": bind,
    "artifacts repositories list": list_handler("repositories"),
    "artifacts repositories create": _repository,
    "artifacts repositories set-cleanup-policies": _clean_up,
    "artifacts repositories delete": delete_handler("repositories", 3),
    "artifacts repositories get-iam-policy": policy,
    "artifacts repositories add-iam-policy-binding": bind,
    "artifacts repositories remove-iam-policy-binding": _unbind,
    "artifacts docker images list": list_handler("images"),
    "builds submit": _build,
    "secrets versions list": _secret_versions,
    "secrets get-iam-policy": policy,
    "secrets add-iam-policy-binding": bind,
    "secrets remove-iam-policy-binding": _unbind,
    "run services delete": _service_gone,
    "run services get-iam-policy": policy,
    "run services add-iam-policy-binding": bind,
    "run deploy": _deployed("services"),
    "beta run deploy": _beta,
    "run jobs list": list_handler("jobs"),
    "run jobs deploy": _deployed("jobs"),
    "alpha run jobs deploy": _deployed("jobs"),
    "beta quotas info list": _quotas,
    "run jobs delete": delete_handler("jobs", 3),
    "run jobs get-iam-policy": policy,
    "run jobs add-iam-policy-binding": bind,
}
