"""The engine that needs no downloaded weights: a face mesh moves the portrait's own pixels.

A clip:      one face's points (`face.mesh_track`) → `pose` (how the head turned) → `motion` (that,
             the expression and the lids, free of whose face it is); `idle` invents such a motion.
A portrait:  picture → `portrait`, made of `outline` (where the person ends), `head` (turning),
             `backdrop` (what is behind it), `expression` (skin and lips), `eyelids`, on a coarse
             `grid`, read by `sampling`.
A frame:     `warp` moves the portrait's pixels; `slit` closes lids and lips over what is behind.
`engine` puts them in order; `points` says which of the mesh's points are what.
"""
