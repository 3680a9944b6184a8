"""An application under Logfire as it is set up by default, but for the address: it sends what is open by itself."""

from __future__ import annotations

import os

import logfire
import openai

logfire.configure(
    token="pylf_v1_local_0123456789abcdef",
    send_to_logfire=True,
    service_name="shop",
    console=False,
    metrics=False,
    inspect_arguments=False,
    advanced=logfire.AdvancedOptions(base_url=os.environ["RECEIVER_URL"]),
)
client = openai.OpenAI(max_retries=0)
logfire.instrument_openai(client)

with logfire.span("answer {customer}", customer="Ada"):
    client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "What is tea? [[demo-usage cached=64 reasoning=8]]"}],
    )
logfire.shutdown()
