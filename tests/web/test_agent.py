"""The tools for agents, called with the official SDK's own client: from a sound file to a finished video."""

from __future__ import annotations

import asyncio
import base64
import io
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp", reason="the extra `mcp` is not installed")

import mcp
from PIL import Image

from beatwalk.web.agent import create_agent_server
from beatwalk.web.server import Server, ServerOptions
from tests.helpers import decoded
from tests.songs import click_song
from tests.web.conftest import fake_keepers

SMALL = {"video": {"fps": 8, "size": "64x48"}}


async def asked(client: mcp.Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers, which must not be an error."""
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content or answer.content


@pytest.mark.slow
def test_an_agent_makes_a_video_from_a_song(tmp_path: Path) -> None:
    """Analyze, presets, plan, still, render, status: in that order, with a fake model."""
    click_song(tmp_path / "song.wav", duration_s=6.0)
    server = Server(ServerOptions(root=tmp_path / "projects"), fake_keepers())
    server.start()

    async def talk() -> None:
        async with mcp.Client(create_agent_server(server)) as client:
            names = {tool.name for tool in (await client.list_tools()).tools}
            assert names == {"analyze", "plan", "presets", "render", "status", "still"}
            heard = await asked(client, "analyze", song=str(tmp_path / "song.wav"))
            assert heard["tempo_bpm"] == pytest.approx(120, abs=2)
            project = heard["project"]
            assert "house" in await asked(client, "presets")
            planned = await asked(
                client, "plan", project=project, prompts=["a", "@0:03 b"], settings=SMALL, end_s=5.0
            )
            assert (planned["frames"], [one["prompt"] for one in planned["prompts"]]) == (40, ["a", "b"])
            (picture,) = await asked(client, "still", project=project, prompt="a", seed=3)
            assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (256, 192)
            await asked(client, "render", project=project)
            deadline = time.monotonic() + 120
            while not (told := await asked(client, "status", project=project)).get("report"):
                assert told["status"] in ("queued", "running", "done"), told
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
            assert len(decoded(Path(told["video"]))) == 40

    try:
        asyncio.run(talk())
    finally:
        server.close()


def test_an_agent_hears_what_is_wrong(tmp_path: Path) -> None:
    """The engine's own words: no such file, a prompt with a mistake, a setting that names a file."""
    click_song(tmp_path / "song.wav", duration_s=3.0)
    server = Server(ServerOptions(root=tmp_path / "projects"), fake_keepers())

    async def talk() -> None:
        async with mcp.Client(create_agent_server(server)) as client:
            heard = await asked(client, "analyze", song=str(tmp_path / "song.wav"))
            project = heard["project"]
            for tool, arguments, why in (
                ("analyze", {"song": "/nowhere.wav"}, "not a sound file"),
                ("plan", {"project": project, "prompts": ["@bar 99 a"]}, "one that exists"),
                (
                    "plan",
                    {"project": project, "prompts": ["a"], "settings": {"model": {"vae": "/x"}}},
                    "files are not",
                ),
                ("status", {"project": "../x"}, "there is no project"),
            ):
                answer = await client.call_tool(tool, arguments)
                assert answer.is_error
                assert why in str(answer.content), answer.content

    asyncio.run(talk())


def test_the_command_speaks_on_stdin_and_stdout(tmp_path: Path) -> None:
    """`beatwalk mcp`, started as an agent's program starts it."""
    command = mcp.StdioServerParameters(command=sys.executable, args=["-m", "beatwalk", "mcp", str(tmp_path)])

    async def talk() -> list[str]:
        async with mcp.Client(command) as client:
            return [tool.name for tool in (await client.list_tools()).tools]

    assert "render" in asyncio.run(talk())
