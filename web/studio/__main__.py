"""`python -m web.studio`: emulator, function, API and the three pages; prints one URL."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported: nothing is sent
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
import uvicorn
from fastapi import FastAPI

from liveportrait_core import Engine
from liveportrait_core.renderer import open_renderer
from liveportrait_core.speech.methods import LICENCES
from web.api.service import Service, base_url
from web.app import create_app
from web.command_line import require_free, settings_of
from web.settings import LOOPBACK, InvalidSetting, Settings
from web.studio.animate.page import animate_page
from web.studio.avatar import AvatarDocument
from web.studio.cloud import is_given, local_cloud
from web.studio.details import details_page
from web.studio.edit import Editor, edit_page
from web.studio.words import ENGINE_LICENCES

AVATAR = "studio"
# Who runs this sits before it, and says in each request which of them is accepted.
_RESTRICTED = frozenset(name for name, licence in LICENCES.items() if not licence.is_free)
CSS = """
input:focus-visible, button:focus-visible, textarea:focus-visible {
  outline: 2px solid var(--color-accent) !important; outline-offset: 2px
}
.wrong * {color: #b91c1c !important; font-weight: 600}
.dark .wrong * {color: #fca5a5 !important}
footer {display: none !important}
.gradio-container {--block-info-text-color: #52525b}
.dark .gradio-container {--block-info-text-color: #b4b4bd}
.gradio-container {max-width: 1100px !important; overflow: clip !important}
@media (min-width: 700px) {.stays {position: sticky; top: 1em; align-self: flex-start}}
@media (max-width: 699px) {
  .stays {display: contents !important}
  .stays > * {flex-basis: 100%; order: 2}
  .stays > .seen {
    order: -1; position: sticky; top: 0; z-index: 1000; background: var(--body-background-fill)
  }
  .seen img, .seen video {max-height: 38vh !important; object-fit: contain}
}
"""

# A slider tells that it was released by the pointer alone, or when its number loses the focus; keys
# move it too. A number that is typed is brought into its range before anything is told of it.
HEAD = """<script>
addEventListener("keyup", event => {
  if (event.target.matches("input[type=range]") && event.key !== "Tab")
    event.target.dispatchEvent(new PointerEvent("pointerup", {bubbles: true}))
})
addEventListener("keydown", event => {
  if (event.target.matches("input[type=number]") && event.key === "Enter") {
    event.target.blur()
    event.target.focus()
  }
})
addEventListener("blur", event => {
  const box = event.target
  if (!(box instanceof HTMLInputElement) || box.type !== "number" || box.value === "") return
  const low = box.min === "" ? -Infinity : Number(box.min)
  const high = box.max === "" ? Infinity : Number(box.max)
  const nearest = Math.min(Math.max(Number(box.value), low), high)
  if (nearest === Number(box.value)) return
  box.value = nearest
  box.dispatchEvent(new InputEvent("input", {bubbles: true}))
}, true)
addEventListener("pagehide", () => {
  const shown = document.querySelector("[role=tab][aria-selected=true]")
  if (shown) sessionStorage.setItem("tab", shown.innerText.trim().toLowerCase())
})
</script>"""
# A page that is loaded anew, also because the server was away, shows the tab of before.
_SHOW_TAB = """() => {
  const tab = sessionStorage.getItem("tab")
  return tab ? {selected: tab, __type__: "update"} : {__type__: "update"}
}"""


def pages(service: Service, avatar: AvatarDocument, editor: Editor) -> gr.Blocks:
    """Return the studio."""
    with gr.Blocks(title="Avatar studio", analytics_enabled=False) as blocks:
        engine, reason = editor.engine()
        preview = " (a **preview**)" if engine is Engine.MESH else ""
        gr.Markdown(
            f"# Avatar studio\nRendered by the {engine} engine{preview}: {reason}. "
            f"Licence: {ENGINE_LICENCES[engine]}."
        )
        with gr.Tabs() as tabs:
            with gr.Tab("Details screen", id="details screen"):
                details_page(avatar)
            with gr.Tab("Animate", id="animate"):
                animate = animate_page(service, engine, service.settings.weights, blocks)
            with gr.Tab("Edit", id="edit"):
                edit_page(editor, animate, tabs)
        blocks.load(None, None, [tabs], js=_SHOW_TAB)
    return blocks


@contextmanager
def cloud(data: Path, engine: str) -> Iterator[str]:
    """Give the bucket of the cloud that the environment names, or of one that is started."""
    if is_given():
        yield os.environ.get(
            "LIVEPORTRAIT_BUCKET", f"{os.environ['GOOGLE_CLOUD_PROJECT']}.appspot.com"
        )
    else:
        with local_cloud(data / "cloud", engine) as bucket:
            yield bucket


class StudioServer(uvicorn.Server):
    """Stops although tabs are open, each of which listens for ever; their end is no error."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; what is being rendered is taken up at the next start."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        super().handle_exit(sig, frame)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve until interrupted."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    StudioServer(config).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 2: a setting is wrong."""
    try:
        settings = settings_of(arguments, prog="python -m web.studio", description=__doc__)
        settings = replace(settings, accepted_licences=settings.accepted_licences | _RESTRICTED)
        require_free(settings)
        app = create_app(settings)
    except InvalidSetting as error:
        print(f"INVALID_SETTING: {error}", file=sys.stderr)
        return 2
    if settings.host not in LOOPBACK:
        print(
            f"INVALID_SETTING: host is {settings.host}, and the pages ask for no key; accepted: "
            "127.0.0.1, or `python -m web` for the API alone",
            file=sys.stderr,
        )
        return 2
    print("Starting the emulator, the function and the studio …", flush=True)
    # Either signal ends the function's process, too; uvicorn raises it again when it has stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), cloud(settings.data, settings.engine) as bucket:
        avatar = AvatarDocument(AVATAR, bucket)
        editor = Editor(lambda: open_renderer(settings.engine, settings.weights))
        blocks = pages(app.state.service, avatar, editor)
        served = gr.mount_gradio_app(
            app, blocks, path="/", css=CSS, head=HEAD, footer_links=[], show_error=False
        )
        print(f"The studio is at {base_url(settings)}", flush=True)
        try:
            serve(served, settings)
        finally:
            avatar.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
