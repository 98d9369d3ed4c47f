"""Who gets in: token, session, password, names of the server, origins, sizes and kinds of uploads, paths, headers."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `ui` is not installed")

from fastapi.testclient import TestClient

from beatwalk.core import write_json
from beatwalk.errors import SettingsError
from beatwalk.web.app import create_app
from beatwalk.web.security import TRIES, TRIES_S, Guard, is_loopback, kept_secret
from beatwalk.web.server import Server, ServerOptions
from tests.songs import click_song
from tests.web.conftest import HERE, TOKEN, Clock, client_of

PASSWORD = "a long enough password"


def test_every_address_needs_a_token_or_a_session(stranger: TestClient) -> None:
    """The page, its scripts and every route of the API refuse strangers."""
    app: Any = stranger.app
    paths = [*app.openapi()["paths"], "/", "/static/js/main.js", "/api/openapi.json", "/nowhere"]
    assert len(paths) > 25
    for path in paths:
        for method in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            answer = stranger.request(method, path.replace("{name}", "x").replace("{job}", "x"))
            assert answer.status_code == 401, (method, path)


def test_the_token_in_the_query_opens_a_session_and_leaves_the_address(stranger: TestClient) -> None:
    """The cookie is HttpOnly and SameSite=Strict, the token is not in the new address, and the session works."""
    answer = stranger.get(f"/?project=rain&token={TOKEN}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?project=rain"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert stranger.get("/api/projects").status_code == 200


def test_a_wrong_token_is_refused_and_tries_are_limited(stranger: TestClient, clock: Clock) -> None:
    """After some wrong tries not even the right token is looked at, until a minute has passed."""
    for _ in range(TRIES):
        assert stranger.get("/?token=wrong").status_code == 401
    assert stranger.get(f"/?token={TOKEN}", follow_redirects=False).status_code == 429
    clock.now += TRIES_S + 1
    assert stranger.get(f"/?token={TOKEN}", follow_redirects=False).status_code == 303


def test_a_token_in_the_query_changes_nothing(stranger: TestClient) -> None:
    """A form of another site that guessed the address could post with it; only the header counts."""
    assert stranger.post(f"/api/projects?token={TOKEN}", json={}).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "1.2.3", "9999999999.ab.cd", "a.b.c.d.e"])
def test_a_forged_session_is_refused(stranger: TestClient, cookie: str) -> None:
    """Whatever the cookie says, it must be signed here."""
    assert stranger.get("/api/projects", headers={"cookie": f"beatwalk-8000={cookie}"}).status_code == 401


def test_a_session_runs_out_and_ends_with_its_password(clock: Clock) -> None:
    """A cookie is good for its time, for its secret and for its password."""
    guard = Guard(host="127.0.0.1", token=TOKEN, secret=b"s" * 32, password=PASSWORD, clock=clock)
    session = guard.new_session()
    assert guard.is_session(session)
    other = Guard(host="127.0.0.1", token=TOKEN, secret=b"s" * 32, password=PASSWORD + "!", clock=clock)
    assert not other.is_session(session)
    clock.now += 31 * 24 * 3600
    assert not guard.is_session(session)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "192.168.1.9:8000", ""]
)
def test_other_names_of_the_server_are_refused(client: TestClient, host: str) -> None:
    """A name that leads to 127.0.0.1 (DNS rebinding) is not ours, even with a token."""
    assert client.get("/api/projects", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    """The loopback addresses and localhost."""
    assert client.get("/api/projects", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9999", "null", "https://127.0.0.1.evil.example"]
)
def test_a_change_from_another_site_is_refused(stranger: TestClient, origin: str) -> None:
    """A session alone is not enough: the request must come from this page."""
    stranger.get(f"/?token={TOKEN}")
    answer = stranger.post("/api/projects", json={}, headers={"origin": origin})
    assert answer.status_code == 403
    assert stranger.post("/api/projects", json={}).status_code == 403  # browsers always say where a change comes from
    assert stranger.post("/api/projects", json={}, headers={"origin": HERE}).status_code == 201


def test_headers_keep_scripts_frames_and_types_in_their_place(client: TestClient) -> None:
    """No inline scripts, no frames, no sniffing, no referrer; on answers and on refusals."""
    for answer in (client.get("/"), client.get("/api/projects"), client.get("/nowhere")):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_page_names_nothing_outside(client: TestClient) -> None:
    """No address of another host in the page, its styles and its scripts, and no inline script or style."""
    import re

    from beatwalk.web.app import STATIC

    for path in STATIC.rglob("*.*"):
        if path.suffix in (".js", ".css", ".html", ".svg"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert not re.search(r"https?://|//cdn|@import", text), path
    page = client.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=", page)


def test_other_machines_need_a_password() -> None:
    """Beyond loopback, no password or a short one does not even start."""
    for password in (None, "short"):
        with pytest.raises(SettingsError, match="password"):
            Guard(host="0.0.0.0", token=TOKEN, secret=b"s" * 32, password=password)
    guard = Guard(host="0.0.0.0", token=TOKEN, secret=b"s" * 32, password=PASSWORD)
    assert guard.knows_host("192.168.1.9:8000")
    assert not guard.knows_host("evil.example:8000")
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "example.org")] == [
        True, True, True, False, False,
    ]  # fmt: skip


@pytest.fixture
def guarded(tmp_path: Path, clock: Clock) -> Iterator[TestClient]:
    """A browser on another machine, before a server with a password."""
    server = Server(ServerOptions(root=tmp_path / "projects", host="0.0.0.0", password=PASSWORD))
    guard = Guard(host="0.0.0.0", token=TOKEN, secret=b"s" * 32, password=PASSWORD, clock=clock)
    with TestClient(create_app(server, guard), base_url="http://192.168.1.9:8000") as client:
        yield client


def test_a_password_lets_in(guarded: TestClient) -> None:
    """The start page leads to the form, a wrong password says so, the right one opens a session."""
    assert guarded.get("/", follow_redirects=False).headers["location"] == "/login"
    here = {"origin": "http://192.168.1.9:8000"}
    assert 'role="alert" hidden' in guarded.get("/login").text
    wrong = guarded.post("/login", data={"password": "no"}, headers=here)
    assert wrong.status_code == 403
    assert 'role="alert" >' in wrong.text
    assert guarded.get("/api/projects").status_code == 401
    assert (
        guarded.post("/login", data={"password": PASSWORD}, headers=here, follow_redirects=False).status_code == 303
    )
    assert guarded.get("/api/projects").status_code == 200


def test_passwords_cannot_be_tried_without_end(guarded: TestClient, clock: Clock) -> None:
    """The sixth try within a minute is not looked at, even if it is right."""
    here = {"origin": "http://192.168.1.9:8000"}
    for _ in range(TRIES):
        assert guarded.post("/login", data={"password": "no"}, headers=here).status_code == 403
    assert guarded.post("/login", data={"password": PASSWORD}, headers=here).status_code == 429
    clock.now += TRIES_S + 1
    assert (
        guarded.post("/login", data={"password": PASSWORD}, headers=here, follow_redirects=False).status_code == 303
    )


def test_the_secret_of_sessions_is_its_owners_alone(tmp_path: Path) -> None:
    """It stays the same from start to start, and nobody else may read it."""
    first = kept_secret(tmp_path / "state")
    assert kept_secret(tmp_path / "state") == first
    assert len(first) == 32
    mode = (tmp_path / "state" / "session-secret").stat().st_mode
    import os

    assert os.name == "nt" or not mode & (stat.S_IRWXG | stat.S_IRWXO)


def test_an_upload_is_limited_in_size_and_kind(tmp_path: Path) -> None:
    """Too large a file, a kind that is no sound, a sound that is none: each is refused and nothing is left."""
    with client_of(tmp_path, upload_bytes=200_000) as client:
        name = client.post("/api/projects", json={"name": "x"}).json()["id"]
        folder = tmp_path / "projects" / name
        song = f"/api/projects/{name}/song"
        assert client.put(f"{song}?filename=a.wav", content=b"0" * 200_001).status_code == 413
        chunks = iter([b"RIFF", *[b"0" * 50_000] * 5])  # without a stated length
        assert client.put(f"{song}?filename=a.wav", content=chunks).status_code == 413
        refused = client.put(f"{song}?filename=a.exe", content=b"MZ")
        assert refused.status_code == 422
        assert "not a sound file" in refused.json()["error"]
        broken = client.put(f"{song}?filename=my song.wav", content=b"no sound at all")
        assert broken.status_code == 422
        assert "my song.wav" in broken.json()["error"]
        assert str(tmp_path) not in broken.json()["error"]
        assert client.post("/api/projects", json={"name": "n" * 300}).status_code == 422
        assert client.post("/api/projects", content=b" " * (9 * 2**20)).status_code == 413
        assert {path.name for path in folder.iterdir()} == {"project.json"}


def test_a_song_gets_a_name_of_our_own(tmp_path: Path, client: TestClient) -> None:
    """Whatever a file is called, it lands in its project's folder as `song`."""
    click_song(tmp_path / "made.wav", duration_s=2.0)
    name = client.post("/api/projects", json={}).json()["id"]
    evil = "..%2F..%2F..%2Fetc%2Fevil.wav"
    answer = client.put(f"/api/projects/{name}/song?filename={evil}", content=(tmp_path / "made.wav").read_bytes())
    assert answer.status_code == 200, answer.text
    assert answer.json()["song"] == {"name": "evil.wav"}
    assert (tmp_path / "projects" / name / "song.wav").is_file()
    assert not list(tmp_path.rglob("evil*"))


@pytest.mark.parametrize(
    "path",
    [
        "/api/projects/..%2F..", "/api/projects/%2E%2E", "/api/projects/{p}/stills/..%2F..%2Fproject",
        "/api/projects/{p}/previews/..%2Fplan", "/api/projects/{p}/videos/..%2Fsong.wav",
        "/api/projects/{p}/videos/%2Fetc%2Fpasswd", "/api/projects/{p}/pictures/..%2Fsong.wav",
        "/api/projects/{p}/sources/..%2Fenergy", "/api/presets/..%2F..%2Fpyproject.toml",
        "/api/presets/%2Fetc%2Fpasswd",
        "/static/..%2F..%2Fapp.py", "/static/../app.py",
    ],
)  # fmt: skip
def test_no_path_from_a_browser_is_opened(tmp_path: Path, client: TestClient, path: str) -> None:
    """Names are compared with what is there; a path leads nowhere."""
    (tmp_path / "song.wav").write_bytes(b"secret")
    name = client.post("/api/projects", json={"name": "p"}).json()["id"]
    answer = client.get(path.replace("{p}", name))
    assert answer.status_code in (404, 409, 422), answer.text
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    "settings",
    [
        {"walk": {"init": "/etc/passwd"}}, {"model": {"lora": ["/etc/passwd"]}}, {"model": {"vae": "/tmp/x"}},
        {"model": {"tiny_vae": "/tmp/x"}}, {"model": {"embedding": ["/tmp/x"]}}, {"video": {"upscaler": "/tmp/x"}},
    ],
)  # fmt: skip
def test_settings_that_name_files_are_refused(client: TestClient, settings: dict[str, object]) -> None:
    """A page cannot make the server open a file of this machine."""
    name = client.post("/api/projects", json={}).json()["id"]
    answer = client.patch(f"/api/projects/{name}", json={"settings": settings})
    assert answer.status_code == 422
    assert "files are not named from the page" in answer.json()["error"]


def test_a_model_and_a_preset_are_chosen_from_lists(client: TestClient, tmp_path: Path) -> None:
    """A hub's name, a path or an address is refused; what is listed is taken."""
    name = client.post("/api/projects", json={}).json()["id"]
    for model in ("/etc/passwd", "../x", "somebody/model", "https://example.org/m.safetensors"):
        answer = client.patch(f"/api/projects/{name}", json={"model": model})
        assert answer.status_code == 422, model
        assert "not on this machine" in answer.json()["error"]
    assert client.patch(f"/api/projects/{name}", json={"model": "nano"}).status_code == 200
    assert client.patch(f"/api/projects/{name}", json={"preset": str(tmp_path / "x.toml")}).status_code == 422


def test_a_project_from_a_stranger_names_no_song_elsewhere(tmp_path: Path) -> None:
    """A `project.json` that leads out of its folder has no song."""
    (tmp_path / "secret.wav").write_bytes(b"secret")
    for number, name in enumerate(("../../secret.wav", "/etc/passwd", "..", 3)):
        folder = tmp_path / "projects" / f"evil-{number}"
        folder.mkdir(parents=True)
        write_json(folder / "project.json", {"version": 1, "name": "evil", "song_file": name})
        with client_of(tmp_path) as client:
            assert client.get(f"/api/projects/evil-{number}").json()["song"] is None
            assert client.get(f"/api/projects/evil-{number}/sound").status_code == 409


def test_prompts_name_pictures_of_their_project_only(known: TestClient) -> None:
    """`image=` with a path of the machine is a problem beside the prompts, and is not opened."""
    view = known.patch("/api/projects/known", json={"prompts": "a sea :: image=/etc/passwd\n"}).json()
    assert "pictures are taken from pictures/ only" in view["prompt_problem"]["error"]
    view = known.patch("/api/projects/known", json={"prompts": "a sea :: image=pictures/../../x.png\n"}).json()
    assert "pictures are taken from pictures/ only" in view["prompt_problem"]["error"]
