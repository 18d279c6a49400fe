"""How the mesh engine speaks: what a mouth's shapes pull, where its lips part, what is inside.

`shapes` turns a `MouthTrack` into movements; `interior` prepares, of one portrait, the line at
which its lips part and the colours behind them; `lips` draws one frame's mouth.
"""
