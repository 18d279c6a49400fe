"""Reconcile: find and repair the avatars that events missed; contract.md, section 10.

Load many avatars at a time (`loading`, through `adapters`), check each (`findings`), go through
all of them (`paging`, `runner`), and repair: by the handler's ordinary path wherever there is one
(`repair`), else by a transition (`repair_transitions`).
"""
