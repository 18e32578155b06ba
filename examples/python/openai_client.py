# SPDX-License-Identifier: MIT
#
# openai_client.py - the openai package: the gateway's address as base_url, your token as api_key.
import os

from openai import OpenAI

url = os.environ.get("ATTACH_URL", "http://localhost:8080")
model = os.environ.get("MODEL", "tinyllama")
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ["JWT"])

messages = [{"role": "user", "content": "Say hello."}]
for piece in client.chat.completions.create(model=model, messages=messages, stream=True):
    print(piece.choices[0].delta.content or "", end="", flush=True)
print()

# The reply says who the gateway took you for.
reply = client.chat.completions.with_raw_response.create(model=model, messages=messages)
print(f"{reply.headers['x-attach-user']} in session {reply.headers['x-attach-session']}:")
print(reply.parse().choices[0].message.content)
