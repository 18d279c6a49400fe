"""HuBERT: a window of sound becomes 200 vectors. The network is transformers'.

joyvasa.md, section 2. Nothing is fetched: the architecture comes from the package, the weights from
the weights folder.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from liveportrait_core.engines.liveportrait.joyvasa.windows import lengthened
from liveportrait_core.engines.liveportrait.networks.official import StateDict
from liveportrait_core.errors import CheckpointMismatch, MethodNotInstalled

VECTORS_A_WINDOW = 200
_RENAMED = (
    (".conv.weight_g", ".conv.parametrizations.weight.original0"),
    (".conv.weight_v", ".conv.parametrizations.weight.original1"),
)


def empty_encoder(**sizes: Any) -> Any:
    """Return HuBERT's base model, or one of other sizes, without learned weights.

    Raises:
        MethodNotInstalled: transformers is not installed.
    """
    try:
        from transformers import HubertConfig, HubertModel
    except ImportError as error:
        raise MethodNotInstalled(
            "joyvasa needs the package transformers, which is not installed; "
            "accepted: pip install 'avatar-idle[speech]', or another method"
        ) from error
    return HubertModel(HubertConfig(**{"attn_implementation": "eager", **sizes}))


class SoundEncoder:
    """HuBERT with loaded weights, in eval mode."""

    def __init__(self, state: StateDict, **sizes: Any) -> None:
        """Load a state dict; `sizes` are of HuBERT's configuration, by default the base model's.

        Raises:
            MethodNotInstalled: transformers is not installed.
            CheckpointMismatch: the state dict is of another network.
        """
        self._network = empty_encoder(**sizes)
        try:
            self._network.load_state_dict(_renamed(state), strict=True)
        except RuntimeError as error:
            raise CheckpointMismatch(f"HuBERT: {str(error)[:400]}") from error
        self._network.eval().requires_grad_(False)

    @property
    def network(self) -> Any:
        """The network itself, for those who compare its stages."""
        return self._network

    def __call__(self, window: NDArray[np.float32]) -> Tensor:
        """64,000 samples → 1×200×768."""
        with torch.inference_mode():
            hidden: Tensor = self._network(torch.from_numpy(lengthened(window))[None])[0]
        return hidden


def _renamed(state: StateDict) -> dict[str, Tensor]:
    result = {}
    for key, value in state.items():
        for old, new in _RENAMED:
            key = key.removesuffix(old) + new if key.endswith(old) else key
        result[key] = value
    return result
