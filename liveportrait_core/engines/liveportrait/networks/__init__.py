"""LivePortrait's networks (human models, 256 → 512), as plain torch modules.

Knows torch and itself. Knows neither files nor devices nor what a portrait is: state dicts come in
through `official.load_official`, precision is the caller's autocast. All modules are meant for
`eval()` mode. The paper's letters: F appearance feature extractor, M motion extractor, W warping
module, G SPADE generator, S stitching, R retargeting. See liveportrait.md.
"""
