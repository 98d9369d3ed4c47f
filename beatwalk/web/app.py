"""The FastAPI application: who gets in, how errors are answered, and where the routes are."""

# Annotations are read by FastAPI when a route is made, so they must be values here and not texts.
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from beatwalk._version import __version__
from beatwalk.errors import BeatwalkError
from beatwalk.web.making_routes import making_routes
from beatwalk.web.problems import STATUS, as_json
from beatwalk.web.project_routes import project_routes
from beatwalk.web.security import Gate, Guard, TooLarge
from beatwalk.web.server import Server

if TYPE_CHECKING:
    from fastapi import FastAPI, Response

STATIC = Path(__file__).parent / "static"
UNPROCESSABLE = 422


def create_app(server: Server, guard: Guard) -> "FastAPI":
    """The application.

    Parameters
    ----------
    server
        What the routes work on; it is started and closed with the application.
    """
    from fastapi import FastAPI, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse, Response, StreamingResponse

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        server.start()
        yield
        server.close()

    app = FastAPI(
        title="beatwalk",
        version=__version__,
        summary="Songs and prompts in, music videos out.",
        description=API_TEXT,
        lifespan=lifespan,
        docs_url=None,  # its scripts come from elsewhere
        redoc_url=None,
        openapi_url="/api/openapi.json",
        # Nothing is sent anywhere, whatever the environment says of exporters.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.add_middleware(Gate, guard=guard, upload_bytes=server.options.upload_bytes)

    @app.exception_handler(BeatwalkError)
    async def own_error(request: Request, error: BeatwalkError) -> JSONResponse:
        return JSONResponse(as_json(error), STATUS.get(type(error), UNPROCESSABLE))

    @app.exception_handler(TooLarge)
    async def too_large(request: Request, error: TooLarge) -> JSONResponse:
        return JSONResponse({"error": "larger than what is accepted", "kind": "TooLarge"}, 413)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if part != "body")
        return JSONResponse({"error": f"{where}: {first['msg']}", "kind": "RequestError"}, UNPROCESSABLE)

    @app.get("/api/events", tags=["events"], response_class=StreamingResponse)
    async def events() -> StreamingResponse:
        """What happens, as server-sent events: `project`, `waveform`, `still`, `preview`, `job`, `jobs`, `videos`."""
        return StreamingResponse(server.hub.listen(), media_type="text/event-stream")

    @app.get("/login", include_in_schema=False)
    async def login_page() -> Response:
        return _page("login.html")

    @app.post("/login", include_in_schema=False)
    async def login(request: Request) -> Response:
        address = request.state.address
        if (wait_s := guard.wait_s(address)) > 0:
            text = "Too many wrong tries. Wait a minute, then try again."
            return Response(text, 429, headers={"retry-after": f"{wait_s:.0f}"}, media_type="text/plain")
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        if not guard.is_password(form.get("password", [""])[0]):
            guard.note_failure(address)
            return _page("login.html", 403, wrong=True)
        answer = Response(status_code=303, headers={"location": "/"})
        answer.set_cookie(request.state.cookie, guard.new_session(), httponly=True, samesite="strict", path="/")
        return answer

    app.include_router(project_routes(server), prefix="/api")
    app.include_router(making_routes(server), prefix="/api")
    if server.options.page:
        _add_page(app)
    return app


def _page(name: str, status: int = 200, *, wrong: bool = False) -> "Response":
    from fastapi.responses import HTMLResponse

    text = (STATIC / name).read_text(encoding="utf-8")
    return HTMLResponse(text.replace('hidden data-when="wrong"', "") if wrong else text, status)


def _add_page(app: "FastAPI") -> None:
    from fastapi.responses import Response
    from fastapi.staticfiles import StaticFiles

    @app.get("/", include_in_schema=False)
    async def index() -> Response:
        return _page("index.html")

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


API_TEXT = """
Every request needs `Authorization: Bearer TOKEN`, with the token that `beatwalk serve` prints, or the session cookie
of the page. Errors are JSON objects with `error`, a line for people, and `kind`. A change that carries the `revision`
from which it was made is refused with 409 if the project was changed in the meantime.

1. `POST /api/projects`, then `PUT /api/projects/{id}/song` with the file as the body.
2. Follow `GET /api/events`, or ask `GET /api/projects/{id}` until `heard` is there.
3. `PATCH /api/projects/{id}` sets prompts, preset, settings and excerpt.
4. `POST /api/projects/{id}/renders` adds to the queue; `GET /api/jobs` says how far it is.
5. `GET /api/projects/{id}/videos` lists what is finished.
"""
