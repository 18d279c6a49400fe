"""The weight files: which there are, whether they are whole, how they come here, how they are read.

Knows files, digests and licences. Knows no network: a checkpoint leaves here as a state dict with
its official keys. Importing `manifest`, `digests` or `fetch` imports no torch.
"""
