# SPDX-License-Identifier: MIT
"""What the system tests are written with.

gateway.py  the process under test: start, talk to, read its log, stop
client.py   a raw HTTP/1.1 client: sends exact bytes, reads replies strictly
engine.py   a scripted engine on a raw socket: records exact bytes, answers exact bytes
issuer.py   a scripted OIDC issuer: discovery, keys, tokens, and every way to misbehave
keys.py     signing keys and tokens of every algorithm
certificates.py  a throw-away authority for the TLS tests
wait.py     waiting with a deadline instead of sleeping

Nothing here uses a fixed port, and nothing waits without an end.
"""
