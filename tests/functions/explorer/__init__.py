"""An explorer of the protocol: seeded episodes in which everything is disturbed that can be.

One integer is one episode, bit for bit. Apps, deliveries, tasks, clean-ups and reconcile are
parties that take turns in virtual time (`timeline`); the doubles of the ports are one world
(`world`) that several instances share (`instances`), each through a layer that fails calls, loses
answers, pauses and kills (`disturbances`). What must hold is checked at every commit and every
object (`checks`) and once all is quiet, against a small model of what the app asked for (`model`).
`python -m tests.functions.explorer SEED` repeats an episode and tells it.
"""
