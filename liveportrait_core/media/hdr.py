"""How HDR is brought to what a screen without it shows: one curve for clips and pictures.

With white at 203 cd/m² (ITU-R BT.2408) what an SDR camera would have seen comes back within a grey
level or two; only highlights are compressed, by a Möbius curve above its knee.
"""

WHITE_CD_M2 = 203
KNEE = 0.6  # of white, in light: below it nothing changes
PEAK = 5.0  # of white: what becomes the brightest
