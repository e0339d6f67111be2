"""What makes the page an application that a browser installs: its manifest, its service worker."""

from contextlib import suppress

import msgspec

from ngw2f.errors import Unauthenticated
from ngw2f.http import Request, Response, add_vary, json_response, tagged
from ngw2f.sentences import translatable
from ngw2f.web import auth
from ngw2f.web.services import Services
from ngw2f.web.static_files import DIRECTORY, StaticFiles

# As in static/chat.css, for the splash screen and the bar of a window of its own.
BACKGROUND = "#f4f5f8"
DESCRIPTION = translatable("A chat for many")
ICONS = (("icon-192.png", 192, "any"), ("icon-512.png", 512, "any"),
         ("icon-maskable-512.png", 512, "maskable"))  # fmt: skip


def manifest(services: Services, request: Request) -> Response:
    """Answer with the Web Application Manifest."""
    files = StaticFiles()
    icons = [
        {
            "src": files(name).url,
            "sizes": f"{size}x{size}",
            "type": "image/png",
            "purpose": purpose,
        }
        for name, size, purpose in ICONS
    ]
    response = json_response(
        {
            "id": "/",
            "name": "NGW2F",
            "short_name": "NGW2F",
            "lang": request.language,
            "description": services.templates.translate(request.language, DESCRIPTION),
            "start_url": "/",
            "scope": "/",
            "display": "standalone",
            "background_color": BACKGROUND,
            "theme_color": BACKGROUND,
            "icons": icons,
        }
    )
    response.content_type = "application/manifest+json"
    response.headers["Content-Language"] = request.language
    add_vary(response, ["Accept-Language"])
    response.headers["Cache-Control"] = "no-cache"
    return tagged(request, response)


def service_worker(services: Services, request: Request) -> Response:
    """Answer with the service worker; its place says that it may see all pages of the chat.

    The page that it shows without a connection is in the language of the reader.
    """
    with suppress(Unauthenticated):
        auth.find_reader(services, request)
    page = services.templates.page(request, "offline.html", {}).get_data(as_text=True)
    content = b"const OFFLINE_PAGE = %s;\n" % msgspec.json.encode(page)
    content += (DIRECTORY / "service-worker.js").read_bytes()
    response = Response(content, content_type="text/javascript; charset=utf-8")
    response.headers["Cache-Control"] = "no-cache"
    add_vary(response, ["Accept-Language", "Authorization", "Cookie"])
    return tagged(request, response)
