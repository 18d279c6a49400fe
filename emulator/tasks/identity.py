"""OpenID Connect tokens for service accounts: one key, its tokens, its public certificates.

Tokens have the form of Google's, and are valid for this emulator alone: the key is generated at the
start.
"""

import base64
import hashlib
import time
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt
from google.auth.crypt import RSASigner

from emulator.tasks.task import Oidc

ISSUER = "https://accounts.google.com"
LIFETIME_S = 3_600
_KEY_BITS = 2_048


class Identity:
    """Signs identity tokens for any service account, and publishes the key."""

    def prepare(self) -> None:
        """Generate the key; slow and blocking, so not on the event loop."""
        _ = self._signer

    def token(self, oidc: Oidc) -> str:
        """Return an OpenID Connect token, RS256, valid for an hour of the real clock."""
        now = int(time.time())
        account = str(int(hashlib.sha256(oidc.email.encode()).hexdigest()[:17], 16))
        claims = {
            "iss": ISSUER,
            "aud": oidc.audience,
            "azp": account,
            "sub": account,
            "email": oidc.email,
            "email_verified": True,
            "iat": now,
            "exp": now + LIFETIME_S,
        }
        return jwt.encode(self._signer, claims).decode("ascii")

    @property
    def key_set(self) -> dict[str, Any]:
        """The public key as a JSON Web Key Set, for `/oauth2/v3/certs`."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self._key_id,
            "n": _unsigned(numbers.n),
            "e": _unsigned(numbers.e),
        }
        return {"keys": [key]}

    @cached_property
    def certificates(self) -> dict[str, str]:
        """The public key in a certificate, by key id, for `/oauth2/v1/certs`."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stand-in.invalid")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=365))
            .sign(self._key, hashes.SHA256())
        )
        return {self._key_id: certificate.public_bytes(serialization.Encoding.PEM).decode()}

    @cached_property
    def _key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(public_exponent=65_537, key_size=_KEY_BITS)

    @cached_property
    def _key_id(self) -> str:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(public).hexdigest()[:40]

    @cached_property
    def _signer(self) -> RSASigner:
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return RSASigner.from_string(pem, self._key_id)


def _unsigned(number: int) -> str:
    """Return a positive number as base64url without padding."""
    big_endian = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(big_endian).rstrip(b"=").decode("ascii")
