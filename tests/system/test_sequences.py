# SPDX-License-Identifier: MIT
"""Many different exchanges on one connection, one after the other or pipelined: what one of them was
must never show in the next."""
import random

import pytest

from harness import http

EXCHANGES = 150
BODY_BYTES_MAX = 70_000


class Exchange:
    """One request and the reply it must get, chosen at random."""

    def __init__(self, numbers):
        self.method = numbers.choice(["GET", "HEAD", "POST", "POST", "POST"])
        self.upload = None
        if self.method == "POST":
            self.upload = numbers.randbytes(numbers.choice([0, 1, 300, BODY_BYTES_MAX]))
        self.upload_is_chunked = self.method == "POST" and numbers.random() < 0.5
        self.status = numbers.choice([200, 200, 200, 204, 304, 404, 500])
        self.body = b"" if self.status in (204, 304) else numbers.randbytes(
            numbers.choice([0, 1, 17, 4096, BODY_BYTES_MAX]))
        self.is_chunked = self.status not in (204, 304) and numbers.random() < 0.5
        self.is_refused = numbers.random() < 0.1  # by the gateway itself
        self.in_two = numbers.random() < 0.3

    @property
    def target(self):
        if self.is_refused:
            return "/api/pull"
        return "/api/show" if self.method == "POST" else "/api/tags"

    def answer(self, call):
        assert (call.request.body or b"") == (self.upload or b"")
        if self.method == "HEAD" or self.status in (204, 304):
            call.send(http.reply_head(self.status, length=None if self.status == 204 else len(self.body)))
            return
        data = http.reply(self.status, self.body, is_chunked=self.is_chunked)
        middle = len(data) // 2 if self.in_two else len(data)
        call.send(data[:middle])
        if data[middle:]:
            call.send(data[middle:])

    def check(self, reply):
        if self.is_refused:
            assert reply.status == 403
        else:
            assert (reply.status, reply.body) == (self.status, b"" if self.method == "HEAD" else self.body)


def script_for(engine, exchanges):
    """The engine answers what reaches it in the order in which it was asked."""
    waiting = [exchange for exchange in exchanges if not exchange.is_refused]
    failures = []

    def script(call):
        try:
            waiting.pop(0).answer(call)
        except AssertionError as failure:
            failures.append(failure)
            call.close()
    engine.run(script)
    return failures


def exchanges_of(seed):
    numbers = random.Random(seed)
    exchanges = [Exchange(numbers) for _ in range(EXCHANGES)]
    for exchange in exchanges:
        if exchange.is_refused:
            exchange.upload = None  # one with a body would end the connection
            exchange.upload_is_chunked = False
            exchange.method = "GET"
    return exchanges


@pytest.mark.parametrize("seed", range(6))
def test_one_after_the_other(gateway, engine, token, seed):
    exchanges = exchanges_of(seed)
    failures = script_for(engine, exchanges)
    with gateway.connect() as client:
        for exchange in exchanges:
            exchange.check(client.ask(exchange.method, exchange.target, body=exchange.upload, token=token,
                                      is_chunked=exchange.upload_is_chunked))
    assert failures == []


@pytest.mark.parametrize("seed", range(6, 10))
def test_pipelined(gateway, engine, token, seed):
    exchanges = exchanges_of(seed)
    failures = script_for(engine, exchanges)
    with gateway.connect() as client:
        for start in range(0, EXCHANGES, 5):
            batch = exchanges[start:start + 5]
            client.send(b"".join(
                client.request(exchange.method, exchange.target, body=exchange.upload, token=token,
                               is_chunked=exchange.upload_is_chunked) for exchange in batch))
            for exchange in batch:
                exchange.check(client.read_reply(exchange.method))
    assert failures == []
