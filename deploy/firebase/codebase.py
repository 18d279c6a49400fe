"""Write the folder that `firebase deploy --only functions` takes: code, options, variables.

firebase.json
codebase/main.py            deploy/firebase/template/main.py
codebase/options.json       of the functions: region, account, instances
codebase/.env               the gate's variables
codebase/requirements.txt   locks/gate.txt and requirements-firebase.txt
codebase/functions, codebase/liveportrait_core
"""

import json
import shutil
from pathlib import Path

from deploy import names
from deploy.command import fill
from deploy.errors import InvalidSetting
from deploy.resources.services.cloud_run import GATE_CONCURRENCY, gate_environment
from deploy.settings import Settings
from supply.locks import lock_path, read_lock

_TEMPLATE = Path(__file__).with_name("template") / "main.py"
_TIMEOUT_S = 540  # the longest that a function of events may take
_MARGIN_S = 30  # to begin a request, and to end it
_RUNTIME = "python312"
_RUNTIME_HAS = ("GOOGLE_CLOUD_PROJECT",)  # set by the runtime, and refused in .env
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "rules")


def write(settings: Settings, root: Path, *, project_number: str) -> Path:
    """Write the folder anew.

    Args:
        settings: the deployment.
        root: of the repository.
        project_number: of the project: the renderer's URL has it.

    Returns:
        The folder with firebase.json, from the repository's root.

    Raises:
        InvalidSetting: there is no gate, or it has more time than a function.
    """
    if settings.single:
        raise InvalidSetting("--single has no gate; accepted: a deployment in two roles")
    environment = _environment(settings, project_number)
    folder = Path(names.folder(settings)) / "firebase"
    codebase = root / folder / "codebase"
    shutil.rmtree(codebase, ignore_errors=True)
    codebase.mkdir(parents=True)
    shutil.copyfile(_TEMPLATE, codebase / "main.py")
    for package in ("functions", "liveportrait_core"):
        shutil.copytree(root / package, codebase / package, ignore=_LEFT_OUT)
    texts = {
        root / folder / "firebase.json": _json(_firebase()),
        codebase / "options.json": _json(_options(settings)),
        codebase / ".env": "".join(
            f"{name}={json.dumps(value)}\n" for name, value in sorted(environment.items())
        ),
        codebase / "requirements.txt": _requirements(root),
    }
    for path, text in texts.items():
        path.write_text(text, "utf-8")
    return folder


def _environment(settings: Settings, project_number: str) -> dict[str, str]:
    filled = {
        name: fill(value, {"PROJECT_NUMBER": project_number})
        for name, value in gate_environment(settings).items()
        if name not in _RUNTIME_HAS
    }
    longest = _TIMEOUT_S - _MARGIN_S
    deadline = filled.get("LIVEPORTRAIT_DEADLINE_S", "480")  # the function's own default
    if float(deadline) > longest:
        raise InvalidSetting(
            f"env LIVEPORTRAIT_DEADLINE_S is {deadline!r}; accepted for a Firebase function, which "
            f"is cut off after {_TIMEOUT_S} s: at most {longest}"
        )
    return filled


def _options(settings: Settings) -> dict[str, object]:
    """Return the options of `on_document_written`, as the gate's Cloud Run service has them."""
    return {
        "collection": settings.collection,
        "options": {
            "region": settings.region,
            "service_account": names.account(settings, names.GATE),
            "ingress": "ALLOW_INTERNAL_ONLY",
            "cpu": 1,
            "memory": 1024,
            "concurrency": GATE_CONCURRENCY,
            "max_instances": settings.gate_max_instances,
            "timeout_sec": _TIMEOUT_S,
        },
    }


def _firebase() -> dict[str, object]:
    codebase = {"source": "codebase", "codebase": "avatar-idle", "runtime": _RUNTIME}
    return {"functions": [{**codebase, "ignore": ["venv", "**/__pycache__"]}]}


def _requirements(root: Path) -> str:
    pins = (
        f"{pin.name}=={pin.version}" + (f" ; {pin.marker}" if pin.marker else "")
        for pin in read_lock(lock_path(root, "gate"))
    )
    own = (root / "requirements-firebase.txt").read_text("utf-8").splitlines()
    return "\n".join((*pins, *(line for line in own if not line.startswith("#")))) + "\n"


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
