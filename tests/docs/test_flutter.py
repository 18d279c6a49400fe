"""docs/use/app.md: what its Dart reads, writes and says, beside what the service knows."""

import re
from pathlib import Path

from functions.domain.document import ALIASES, IMAGE_URL, INPUTS, OUTPUT, VIDEO_URL, State
from functions.domain.job_record.status_view import live_portrait
from functions.domain.parameters import Parameters
from functions.domain.storage_paths import OWNER_KEY, MediaPolicy, input_path, output_folder
from functions.errors import Code
from liveportrait_core import RenderWarning
from liveportrait_core.report import Stage
from tests.functions.domain.test_status_view import RECORD

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "use" / "app.md").read_text()
STORAGE_RULES = (DOCS.parent / "functions" / "rules" / "storage.rules").read_text()
CONTRACT = (DOCS / "understand" / "contract.md").read_text()
DART = "\n".join(re.findall(r"```dart\n(.*?)```", PAGE, re.DOTALL))
READ = set(re.findall(r"(?:map|error|data\?|training)\['(\w+)'\]", DART))
SERVICE = DART[DART.index("class LivePortraitService") : DART.index("class LivePortraitScreen")]
WRITTEN = set(re.findall(r"'([\w.]+)':", SERVICE)) - {OWNER_KEY}


def dart_map(name: str) -> dict[str, str]:
    body = re.search(rf"const {name} = <String, String>\{{(.*?)\n\}};", DART, re.DOTALL)
    assert body is not None
    return dict(re.findall(r"^  '(\w+)': '(.*)',$", body[1], re.MULTILINE))


def table(heading: str) -> list[list[str]]:
    """The rows of the first table under a heading."""
    section = PAGE[PAGE.index(f"### {heading}\n") :]
    rows = re.findall(r"^\| `.*\|$", section.split("\n#")[0], re.MULTILINE)
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]


def test_the_table_of_codes_is_the_service_s() -> None:
    rows = table("Error codes")
    assert [row[0] for row in rows] == [code.value for code in Code]
    for code, state, _, again, _ in rows:
        assert state == (State.BLOCKED if code.startswith("MISSING_") else State.FAILED)
        assert again == ("yes" if Code(code).retryable else "no")


def test_the_table_of_warnings_is_the_renderer_s() -> None:
    assert [row[0] for row in table("Warnings")] == [warning.value for warning in RenderWarning]


def test_the_dart_says_what_the_tables_say() -> None:
    assert dart_map("errorTexts") == {row[0]: row[-1] for row in table("Error codes")}
    assert dart_map("warningTexts") == {row[0]: row[-1] for row in table("Warnings")}


def test_every_state_and_stage_has_its_text() -> None:
    phases = re.search(r"enum LivePortraitPhase \{ (.*) \}", DART)
    assert phases is not None
    assert set(phases[1].split(", ")) == {*State, "none", "unknown"}
    assert set(dart_map("stageTexts")) == {"download", *Stage, "upload"}


def test_the_dart_reads_only_what_the_service_writes() -> None:
    shown = set(live_portrait(RECORD) or ()) | {"stage", "code", "field", "retryable"}
    inputs = {"drivingMultiplier", "normalizeLip", "animationRegion"}
    assert inputs <= set(ALIASES)
    assert shown | inputs | {"training", OUTPUT[0]} >= READ
    assert {"state", "error", "idleVideoPath", "retryable"} <= READ


def test_the_dart_writes_only_inputs() -> None:
    inputs = {".".join((*INPUTS, name)) for name in ALIASES}
    assert inputs | {".".join(IMAGE_URL), ".".join(VIDEO_URL), "updatedAt"} >= WRITTEN
    assert len(WRITTEN) == 7


def test_every_field_is_in_the_contract() -> None:
    words = set(re.findall(r"\w+", CONTRACT))
    assert {name for path in READ | WRITTEN for name in path.split(".")} <= words


def test_what_the_sample_takes_for_usual_is_the_service_s_default() -> None:
    usual = Parameters()
    assert f"drivingMultiplier = {usual.driving_multiplier / 100:.2f}," in DART
    assert f"normalizeLip = {str(usual.normalize_lip).lower()}," in DART
    assert f"animationRegion = '{usual.animation_region.value}'," in DART


def test_the_sample_stores_paths_that_open_nothing() -> None:
    """Who may read a public document must not get the portrait and the clip with it."""
    assert "getDownloadURL" not in SERVICE
    (stored,) = re.findall(r"return '(.*object.*)';", SERVICE)
    url = stored.replace("${object.bucket}", "b").replace("${object.fullPath}", "avatars/a/hero-1")
    policy = MediaPolicy(bucket="b")
    assert input_path(url, policy=policy, avatar_id="a", user_id=None) == "avatars/a/hero-1"
    assert "token" not in url


def test_uploads_say_whose_they_are_as_the_rules_want_it() -> None:
    assert f"'{OWNER_KEY}': uid" in SERVICE
    assert f"object.metadata.{OWNER_KEY} == request.auth.uid" in STORAGE_RULES


def test_an_avatar_is_deleted_after_what_was_uploaded_for_it() -> None:
    """The rules ask the document whose the uploads are; the outputs are the service's to delete."""
    body = SERVICE[SERVICE.index("Future<void> deleteAvatar()") :]
    assert body.index("_deleteUploads(") < body.index("_avatar.delete()")
    folder = output_folder("$avatarId").rstrip("/")
    assert f"inner.fullPath != '{folder}'" in body
