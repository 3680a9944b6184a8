"""The service's settings for a demo server that stands for everything outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spantail_service.demo.server import DemoServer


def demo_settings(world: DemoServer) -> dict[str, Any]:
    """Settings that point the sources of jobs and OpenAI at the demo server; there is no Claude CLI."""
    return {
        "himalayas_url": world.himalayas_url,
        "openai_base_url": world.openai_url,
        "openai_api_key": "demo",
        "claude_command": "no-such-command",
        "demo": True,
    }
