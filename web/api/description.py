"""What the API says of itself: its OpenAPI document, and the page that shows it."""

import json
import re
from html import escape
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import HTMLResponse

from web.api.schemas import GenerationRequest
from web.api.sync_routes import PREFIX

_WORD = {"type": "string"}
_REFUSAL = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {
                "code": _WORD,
                "message": _WORD,
                "field": {"type": ["string", "null"]},
                "retryable": {"type": "boolean"},
            },
        }
    },
}
_SYNC_REFUSAL = {
    "type": "object",
    "properties": {"message": _WORD, "statusCode": {"type": "integer"}},
}
_NOT_OURS = ("HTTPValidationError", "ValidationError")  # FastAPI's form of a refusal


def describe(app: FastAPI) -> None:
    """Have the application describe the bodies that it reads by hand, and its form of refusals."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, routes=app.routes)
    request = GenerationRequest.model_json_schema(
        by_alias=True, ref_template="#/components/schemas/{model}"
    )
    parts = request.pop("$defs", {})
    components = document.setdefault("components", {})
    usual = components.get("schemas", {})
    components["schemas"] = {
        "GenerationRequest": request,
        **parts,
        **{name: schema for name, schema in usual.items() if name not in _NOT_OURS},
        "Refusal": _REFUSAL,
        "SyncRefusal": _SYNC_REFUSAL,
    }
    for path, operations in document["paths"].items():
        form = "SyncRefusal" if path.startswith(PREFIX) else "Refusal"
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = {
                "description": "Refused.",
                "content": {
                    "application/json": {"schema": {"$ref": f"#/components/schemas/{form}"}}
                },
            }
    return document


async def docs_page(request: Request) -> HTMLResponse:
    """List the routes, with the schema of their bodies; needs no script and no other site."""
    document = request.app.openapi()
    rows = "".join(
        f"<tr><td><b>{method.upper()}</b></td><td><code>{escape(path)}</code></td>"
        f"<td>{_prose(operation.get('description', ''))}</td></tr>"
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    )
    schemas = escape(json.dumps(document["components"]["schemas"], indent=2, ensure_ascii=False))
    title = escape(document["info"]["title"])
    return HTMLResponse(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>"
        "<meta name=viewport content='width=device-width'><style>body{font:16px/1.5 system-ui;"
        "margin:2em auto;max-width:60em;padding:0 1em}td{padding:.3em 1em .3em 0;"
        "vertical-align:top}pre{overflow:auto;background:#eee;padding:1em}</style>"
        f"<h1>{title}</h1><p>Version {escape(document['info']['version'])}; the same "
        "as <a href=/openapi.json>openapi.json</a>.</p>"
        f"<table>{rows}</table><h2>Bodies</h2><pre>{schemas}</pre></html>"
    )


def _prose(text: str) -> str:
    """Return a docstring as HTML: what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
