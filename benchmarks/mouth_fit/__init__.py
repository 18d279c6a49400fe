"""The numbers of `SoundReader`'s linear map: fitted on synthetic speech, and measured on film.

Needs `espeak-ng` and `flite` (Debian's packages of these names); nothing of them gets into the
package but the fitted numbers.
"""
