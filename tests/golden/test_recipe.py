"""The recipe draws today what it drew when the golden vectors were made."""

import hashlib

import numpy as np
import pytest

from tests.golden.recipe import Seeds, block_means
from tests.golden.synthetic_weights import ANIMALS, digest, synthetic_state

DIGESTS = {
    "appearance_feature_extractor": (
        "a1cdaf1a8662e08e8856e7972be8a3f4202dc0dbeee8e5fae00b99f044be1d41"
    ),
    "motion_extractor": "40606e108e6e15af3ecd0335f227b6631328e44e6cf21a3b80cd007a5a1ad53a",
    "warping_module": "bc7f3ac44e3bfa14ebc020d48fd0b6da98e51024064dc7a309d9cc7bb2513700",
    "spade_generator": "78169bf7920bca3d0e5df903d17ce5a4dd647c33051ee4296c34d4087e34a3d9",
    "stitching": "13ced148658b69775d5e70149185a8024dae008439b38555a3c37adb17366703",
    "lip": "78876325d43861b7ce6e5022070f3d121aff960008ce602a4c676a07fdba36fe",
    "eye": "ef5da40cc0690b3967df8a0eb550a6f8de51c479cd10896acbcec4c18688966c",
}
ANIMALS_F = "4584698abb9e455de7b73bf99148fe5a7f34c29a3209c22893c2f136ff07804d"


@pytest.mark.parametrize("network", DIGESTS)
def test_the_weights_are_those_of_the_recipe(network: str) -> None:
    assert digest(synthetic_state(Seeds(), network)) == DIGESTS[network]


def test_animals_have_weights_of_their_own() -> None:
    state = synthetic_state(Seeds(prefix=ANIMALS), "appearance_feature_extractor")
    assert digest(state) == ANIMALS_F


def test_another_prefix_gives_other_weights() -> None:
    assert digest(synthetic_state(Seeds(prefix="x"), "lip")) != DIGESTS["lip"]


def test_spectral_vectors_are_the_leading_ones() -> None:
    state = synthetic_state(Seeds(), "spade_generator")
    weight = state["up_1.conv_1.weight_orig"].double().numpy().reshape(64, -1)
    u, v = (state[f"up_1.conv_1.weight_{name}"].double().numpy() for name in "uv")
    assert u @ weight @ v == pytest.approx(np.linalg.svd(weight, compute_uv=False)[0], rel=2e-2)
    assert np.linalg.norm(u) == pytest.approx(1, abs=1e-6)


def test_a_picture_is_smooth_and_its_grid_shows() -> None:
    picture = Seeds().lattice("F/image", 256, 256, 16)
    digest = hashlib.sha256(picture.tobytes()).hexdigest()
    assert digest == "8857bd18b5301f7fc22798bb99ad1aab053c5cbede5ce421a8836869cef12cad"
    assert np.abs(np.diff(picture.astype(int), axis=1)).max() <= 17


def test_block_means_leave_the_rest_out() -> None:
    picture = np.zeros((5, 9, 1), np.float32)
    picture[:2, :2] = [[[1], [2]], [[3], [6]]]
    means = block_means(picture, 2)
    assert means.shape == (2, 4, 1)
    assert means[0, 0, 0] == 3
    assert not means[1:].any()
