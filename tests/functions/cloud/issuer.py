"""Somebody who signs OIDC tokens and publishes the keys over HTTP, as Google does."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import jwt
from google.auth.crypt import RSASigner

URL = "https://idle-renderer-1.europe-west1.run.app"
ACCOUNT = "idle-tasks@demo.iam.gserviceaccount.com"


class Issuer:
    """Signs tokens and publishes its keys, as Google does."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.requests = 0
        self.status = 200
        self.body: bytes | None = None
        self._signers: dict[str, RSASigner] = {}
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                body = issuer.body or json.dumps(issuer.keys).encode()
                self.send_response(issuer.status if self.path == "/oauth2/v1/certs" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                del args

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def add_key(self, key_id: str, *, published: bool = True) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._signers[key_id] = RSASigner.from_string(pem, key_id)
        if published:
            self.keys[key_id] = _certificate(key)

    def token(self, key_id: str = "one", **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "https://accounts.google.com",
            "aud": URL,
            "email": ACCOUNT,
            "email_verified": True,
            "sub": "1",
            "iat": now,
            "exp": now + 3600,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        token: bytes = jwt.encode(self._signers[key_id], claims)
        return token.decode()


def _certificate(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test.invalid")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(key.public_key()).serial_number(1)
    builder = builder.not_valid_before(now - timedelta(days=1))
    signed = builder.not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()
