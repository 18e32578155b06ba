# SPDX-License-Identifier: MIT
"""What every system test is given.

engine         the scripted engine, fresh for each test
issuer         an honest issuer, the same for all tests: make your own Issuer to break it
gateway        a gateway between the two with short but ordinary options, shared by a file's tests
start_gateway  starts one with options of the test's own; stopped, and checked, when the test ends
token          a good token of the issuer, for user alice

The binary is $GATEWAY_BINARY, or build/attach-gateway of this repository.
"""
import signal
import uuid

import pytest

from harness.certificates import Authority
from harness.engine import Engine
from harness.gateway import Gateway
from harness.issuer import AUDIENCE, Issuer

TEST_SECONDS_MAX = 60
LONG_TEST_SECONDS_MAX = 300


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(autouse=True)
def no_test_hangs(request):
    """A test that waits for ever is a failure with a place, not a run that never ends."""
    seconds = TEST_SECONDS_MAX if request.node.get_closest_marker("long") is None else LONG_TEST_SECONDS_MAX

    def give_up(*_):
        raise AssertionError(f"the test took more than {seconds} s")
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def issuer():
    issuer = Issuer()
    yield issuer
    issuer.close()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def module_engine():
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def engine(module_engine):
    module_engine.reset()
    yield module_engine
    assert module_engine.faults == [], "the gateway wrote something that is not HTTP/1.1"


def options_for(issuer, engine, **options):
    return {"OIDC_ISSUER": issuer.url, "OIDC_AUD": AUDIENCE, "ENGINE_URL": engine.url, **options}


@pytest.fixture(scope="module")
def module_gateway(issuer, module_engine, tmp_path_factory):
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), options_for(issuer, module_engine))
    gateway.wait_ready()
    yield gateway
    gateway.stop()


@pytest.fixture
def gateway(module_gateway, engine):
    yield module_gateway
    for client in module_gateway.clients:
        client.close()
    module_gateway.clients.clear()
    assert module_gateway.process.poll() is None, "the gateway died:\n" + module_gateway.text()
    module_gateway.check_log()


@pytest.fixture
def start_gateway(issuer, engine, tmp_path):
    """start_gateway(HEADER_TIMEOUT="300ms", ...) -> a ready gateway. With ready=False not waited for."""
    running = []

    def start(ready=True, arguments=(), descriptors=None, tls=None, wrapper=(), **options):
        directory = tmp_path / f"gateway-{uuid.uuid4().hex[:8]}"
        directory.mkdir()
        gateway = Gateway(directory, options_for(issuer, engine, **options), arguments,
                          descriptors, tls, wrapper)
        running.append(gateway)
        return gateway.wait_ready() if ready else gateway

    yield start
    failures = []
    for gateway in running:
        try:
            gateway.stop()
        except AssertionError as failure:
            failures.append(str(failure))
    assert not failures, "\n".join(failures)


@pytest.fixture
def token(issuer):
    return issuer.token("alice")
