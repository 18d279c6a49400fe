"""The image's bill of materials is a valid one, is whole, and knows every licence."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply import bill, licences
from supply.__main__ import main
from supply.licences import LicenceUnknown, licence_of
from supply.locks import IMAGE, lock_path, read_lock

ROOT = Path(__file__).resolve().parents[2]
BILL = bill.bill_of_materials(ROOT)
NAMES = {component["name"]: component for component in BILL["components"]}


def test_it_is_a_valid_one() -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(BILL)) is None
    broken = BILL | {"components": [{"type": "library"}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_it_names_all_that_the_image_is_made_of() -> None:
    pins = [
        pin for lock in ("packages", "torch") for pin in read_lock(lock_path(ROOT, lock))
        if pin.applies(IMAGE)
    ]  # fmt: skip
    for pin in pins:
        assert NAMES[pin.name]["version"] == pin.version
        assert {f"sha256:{each['content']}" for each in NAMES[pin.name]["hashes"]} == {*pin.hashes}
    assert "onnxruntime-gpu" in NAMES
    assert "onnxruntime" not in NAMES  # of other systems
    assert "pytest" not in NAMES
    assert NAMES["ffmpeg"]["licenses"] == [{"expression": "GPL-3.0-or-later"}]
    assert {"python", "nvidia/cuda", "liveportrait/landmark.onnx"} <= NAMES.keys()
    assert not any("insightface/" in name for name in NAMES)
    assert {ref for each in BILL["dependencies"] for ref in each["dependsOn"]} == {
        component["bom-ref"] for component in BILL["components"]
    }


@pytest.mark.parametrize(
    ("image", "beside"),
    [
        (bill.GATE_IMAGE, {"python"}),
        (bill.API_IMAGE, {"python", "ffmpeg"}),
    ],
)
def test_the_small_images_have_bills_of_their_own(image: str, beside: set[str]) -> None:
    small = bill.bill_of_materials(ROOT, image)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(small)) is None
    assert small["metadata"]["component"]["name"] == image
    names = {component["name"] for component in small["components"]}
    assert names == {pin.name for pin in bill.image_pins(ROOT, image)} | beside


def test_no_licence_is_unknown() -> None:
    unknown = []
    for pin in (pin for image in bill.IMAGES for pin in bill.image_pins(ROOT, image)):
        try:
            licence_of(pin.name)
        except LicenceUnknown as complaint:
            unknown.append(str(complaint))
    assert unknown == []


def test_an_unknown_licence_is_told_and_no_bill_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stated = {name: licence for name, licence in licences.STATED.items() if name != "insightface"}
    monkeypatch.setattr(licences, "STATED", stated)
    monkeypatch.setattr("sys.argv", ["supply", "bill", "--to", str(tmp_path / "out")])
    assert main() == 1
    assert "insightface says neither a licence's expression nor" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(LicenceUnknown, match="triton-of-tomorrow is not installed here"):
        licence_of("triton-of-tomorrow")


def test_the_same_files_give_the_same_bill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["supply", "bill", "--to", str(tmp_path)])
    assert main() == 0
    assert json.loads((tmp_path / "avatar-idle.cdx.json").read_text()) == BILL
    table = (tmp_path / "licences.txt").read_text()
    assert "LGPL-3.0-or-later\n    pi-heif 1.4.0\n" in table
    assert "://" not in table
