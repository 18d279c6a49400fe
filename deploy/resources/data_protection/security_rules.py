"""The app's security rules: put in force by Firebase's own HTTP interface.

gcloud has no command for rules, and the Firebase CLI would ask for Node.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from deploy import names
from deploy.checks import CheckResult, ListEntry, Required, ResourceState, Variables, value_at
from deploy.command import Command
from deploy.settings import Part, Settings
from deploy.step import Check, File, Step

_RULES_SERVICE = "https://firebaserules.googleapis.com/v1"
_STORAGE_SERVICE = "https://firebasestorage.googleapis.com/v1beta"
_LOCKED = re.compile(
    r"(?:rules_version=['\"][12]['\"];)?service(?:cloud\.firestore|firebase\.storage)\{"
    r"match/(?:databases/\{\w+\}/documents|b/\{\w+\}/o)\{"
    r"match/\{\w+=\*\*\}\{allowread,write:iffalse;\}\}\}"
)


@dataclass(frozen=True, kw_only=True)
class ActiveRuleset:
    """The active ruleset equals this program's, also where something else deployed it."""

    file: str
    content: str

    def evaluate(self, output: Any, variables: Variables) -> CheckResult:
        """Return the result; FOREIGN where another file is active, but for one that denies all."""
        files = value_at(output, ("source", "files")) or []
        texts = [str(entry.get("content")) for entry in files]
        if texts == [self.content]:  # put there by this program, or by `firebase deploy`
            return CheckResult(state=ResourceState.MATCHES)
        differs, told = ResourceState.DIFFERS, "its text is another version's"
        if len(texts) == 1 and denies_all(texts[0]):
            return CheckResult(state=differs, differences=("it denies everything to everybody",))
        ours = [entry.get("name") for entry in files] == [self.file]
        if not ours:
            return CheckResult(state=ResourceState.FOREIGN)
        return CheckResult(state=differs, differences=(told,))


def denies_all(rules: str) -> bool:
    """Return whether security rules refuse every access: the locked mode of Firebase."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/|\s", "", rules, flags=re.DOTALL)
    return _LOCKED.fullmatch(plain) is not None


def in_force(settings: Settings, service: str, file: str, text: str) -> Step:
    """Return the step that puts rules in force.

    Args:
        settings: the deployment.
        service: which they are for, as a release is named.
        file: its name in functions/rules.
        text: of the file.
    """
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


def linked(settings: Settings) -> Step:
    """Return the step that demands that the bucket is linked to Firebase."""
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
