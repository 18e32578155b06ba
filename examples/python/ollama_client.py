# SPDX-License-Identifier: MIT
#
# ollama_client.py - the ollama package: the gateway's address as host, your token as a header.
import os

from ollama import Client

client = Client(
    host=os.environ.get("ATTACH_URL", "http://localhost:8080"),
    headers={"Authorization": f"Bearer {os.environ['JWT']}"},
)
model = os.environ.get("MODEL", "tinyllama")

for piece in client.chat(model=model, messages=[{"role": "user", "content": "Say hello."}], stream=True):
    print(piece.message.content, end="", flush=True)
print()
