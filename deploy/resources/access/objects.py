"""The function's access to objects: in its folders of the bucket, not in the whole bucket.

By managed folders: the role on one holds for all objects of its prefix, for listing them too, which
a condition on the bucket's policy would not allow.
"""

from deploy import names
from deploy.checks import Demanded, Field, ListEntry, SingleResource
from deploy.command import gcloud
from deploy.settings import Settings
from deploy.step import Check, Policy, Step, grant

_WRITES = "roles/storage.objectUser"
_READS = "roles/storage.objectViewer"
_UPLOADS = "LIVEPORTRAIT_UPLOADS_PREFIX"
_OFF = ("", "off", "false", "0", "no")


def steps(settings: Settings) -> tuple[Step, ...]:
    """Return the steps: uniform access is demanded, folders and rights are made."""
    access = (_folder(settings, name, role) for name, role in _folders(settings))
    return (_uniform_access(settings), *(step for each in access for step in each))


def _folders(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Return the folders of the bucket that the function uses, with the role in each."""
    ours = ("avatars/", "livePortraitCache/", "livePortraitGenerations/")
    folders = tuple((name, _WRITES) for name in ours)
    if dict(settings.environment).get(_UPLOADS, "").lower() in _OFF:
        return folders
    return (*folders, ("users/", _READS))


def _uniform_access(settings: Settings) -> Step:
    bucket = (f"gs://{settings.bucket}", names.project(settings))
    return Step(
        title="The bucket's rights are uniform",
        why="Only then can they be given on a folder instead of on the whole bucket.",
        checks=(
            Check(
                command=gcloud("storage buckets describe", *bucket, "--format=json"),
                expect=Demanded(
                    expect=SingleResource(fields=(Field(("uniform_bucket_level_access",), "True"),))
                ),
            ),
        ),
        create=(),
        foreseeable=True,
        foreign_message=f"gs://{settings.bucket} has access lists of single objects; accepted: "
        "uniform access, by which rights can be given on folders. Firebase's rules and token URLs "
        "are the same with it; where the app sets no access lists on objects itself, run gcloud "
        f"storage buckets update gs://{settings.bucket} --uniform-bucket-level-access, then go on",
    )


def _folder(settings: Settings, name: str, role: str) -> tuple[Step, ...]:
    """Return the steps for a managed folder, and for each account's role in it."""
    project = names.project(settings)
    url = f"gs://{settings.bucket}/{name}"
    folder = Step(
        title=f"Folder {name}",
        why="A managed folder: it moves no object and bears the rights on all objects of this "
        "prefix.",
        checks=(_exists(settings, name),),
        create=(gcloud("storage managed-folders create", url, project),),
        leaves=f"the managed folder {name} stays, for it holds the objects",
    )
    can = "read" if role == _READS else "read and write"
    grants = (
        folder_access(settings, name, runner, role=role, can=can)
        for runner in names.runners(settings)
    )
    return (folder, *grants)


def folder_access(
    settings: Settings, name: str, account: str, *, role: str = _WRITES, can: str = "read and write"
) -> Step:
    """Return the step for an account's role in a managed folder."""
    project = names.project(settings)
    return grant(
        Policy(
            group="storage managed-folders",
            target=(f"gs://{settings.bucket}/{name}", project),
            conditional=True,
            persistent=True,
        ),
        role=role,
        member=names.member(settings, account),
        title=f"{account} may {can} objects of {name}",
        why="Of this folder, no other object of the bucket; not who else may.",
        resource_checks=(_exists(settings, name),),
    )


def _exists(settings: Settings, name: str) -> Check:
    bucket = (f"gs://{settings.bucket}/", names.project(settings))
    return Check(
        command=gcloud("storage managed-folders list", *bucket, "--format=json"),
        expect=ListEntry(name=name),
    )
