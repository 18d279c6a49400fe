"""LivePortrait's networks (256 → 512), as plain torch modules.

Knows torch and itself. Knows neither files nor devices nor what a portrait is: state dicts come in
through `official.load_official`, precision is the caller's autocast. All modules are meant for
`eval()` mode. The paper's letters: F appearance feature extractor, M motion extractor, W warping
module, G SPADE generator, S stitching, R retargeting. See liveportrait.md.
"""

KEYPOINT_COUNT = 21
NETWORK_PX = 256  # side of the pictures that F and M take
CROP_PX = 512  # side of the crop that G gives, and of the one that is pasted back
