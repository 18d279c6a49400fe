"""Four plans and their ways back, as scripts; `python -m tests.deploy.golden_scripts` renews."""

from pathlib import Path

from deploy.execution import script
from deploy.plan import way_back
from tests.deploy.example_plans import ALL, API, plan

FOLDER = Path(__file__).parent / "golden"


def scripts() -> dict[str, str]:
    """File name and text of every golden file."""
    texts = {}
    for name, settings in {**ALL, "api": API}.items():
        made = plan(settings)
        texts[f"{name}.sh"] = script.apply_script(settings, made)
        texts[f"{name}-removed.sh"] = script.remove_script(settings, made, with_images=False)
        texts[f"{name}-rolled-back.sh"] = script.rollback_script(way_back(settings))
    return texts


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in scripts().items():
        (FOLDER / name).write_text(text, "utf-8")
