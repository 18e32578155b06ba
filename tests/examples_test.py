# SPDX-License-Identifier: MIT
"""script/server --demo, the two example agents in both languages, and every example against them.

The programs are those beside $GATEWAY_BINARY, or in build/. Examples whose packages cannot be installed are skipped and
say so: openai, ollama, langgraph, flask.
"""
import base64
import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("GATEWAY_BINARY", REPOSITORY / "build" / "attach-gateway")).parent.resolve()
EXAMPLES = REPOSITORY / "examples"
PATIENCE = 30


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_until(look, what, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what() if callable(what) else what}")


def ask(method, url, body=None, token=None, headers=None):
    """Status and body, JSON where it is."""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(request, data, timeout=PATIENCE) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read()
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text.decode()


class Program:
    """In a session of its own, as in a terminal of its own."""

    def __init__(self, arguments, directory, environment):
        self.file = directory / f"{pathlib.Path(arguments[0]).name}-{free_port()}.log"
        with open(self.file, "wb") as log:
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments], cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8",
                     **{name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")},
                     **{name: str(value) for name, value in environment.items()}})

    def text(self):
        return self.file.read_text(errors="replace")

    def match(self, pattern):
        def look():
            found = re.search(pattern, self.text())
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}:\n{self.text()}")
            return found
        return wait_until(look, lambda: f"{pattern!r} in:\n{self.text()}")

    def left(self):
        """The processes of its session that still run."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError, ValueError):
                    rest = (entry / "stat").read_text().rpartition(")")[2].split()
                    if int(rest[3]) == self.process.pid and rest[0] != "Z":
                        found.append((entry / "cmdline").read_text().replace("\0", " "))
        return found

    def interrupt(self):
        """Ctrl-C: everything in the terminal gets it."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=PATIENCE)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)


class Demo:
    def __init__(self, directory, arguments=("--demo",), **environment):
        self.ports = {"PORT": free_port(), "PLANNER_PORT": free_port(), "CODER_PORT": free_port()}
        self.directory = directory
        self.environment = {"ATTACH_BUILD": BUILD, "ATTACH_DATA_DIR": directory / "data", "ADMIN_PORT": 0,
                            "USER": "ada", **self.ports, **environment}
        self.server = Program([REPOSITORY / "script" / "server", *arguments], directory, self.environment)
        self.token = self.server.match(r"export JWT=(\S+)")[1]
        self.url = f"http://127.0.0.1:{self.ports['PORT']}"
        self.server.match("Ctrl-C stops everything")

    def ask(self, method, path, body=None, **arguments):
        return ask(method, self.url + path, body, self.token, **arguments)

    def task(self, target, body):
        """Sends a task and waits for its end."""
        status, sent = self.ask("POST", "/a2a/tasks/send", {"target": target, "input": body})
        assert status == 200, sent

        def ended():
            task = self.ask("GET", f"/a2a/tasks/status/{sent['task_id']}")[1]
            return task if task["state"] in ("done", "error") else None
        return wait_until(ended, "the task to end")

    def rows(self, **query):
        query = "&".join(f"{name}={value}" for name, value in {"limit": 50, **query}.items())
        status, body = self.ask("GET", f"/mem/events?{query}")
        assert status == 200, body
        return body["data"]["Get"]["MemoryEvent"]


@contextlib.contextmanager
def demo_in_c(directory, **environment):
    demo = Demo(directory, **environment)
    yield demo
    demo.server.stop()


@contextlib.contextmanager
def demo_in_python(directory, **environment):
    ports = {name: free_port() for name in ("planner", "coder")}
    agents = ",".join(f"{name}=http://127.0.0.1:{port}/api/chat" for name, port in ports.items())
    demo = Demo(directory, A2A_AGENTS=agents, **environment)
    demo.ports.update({"PLANNER_PORT": ports["planner"], "CODER_PORT": ports["coder"]})
    programs = []
    for name, port in ports.items():
        programs.append(Program(["/usr/bin/python3", EXAMPLES / "agents" / "python" / f"{name}.py", "--port", port,
                                 "--gateway", demo.url], directory, {}))
        programs[-1].match(rf"{name} on http://127.0.0.1:{port}/api/chat")
    yield demo
    for program in programs:
        program.stop()
    demo.server.stop()


DEMOS = {"c": demo_in_c, "python": demo_in_python}


@pytest.fixture(scope="module", name="demo")
def demo_fixture(tmp_path_factory):
    with demo_in_c(tmp_path_factory.mktemp("demo")) as demo:
        yield demo


@pytest.fixture(scope="module", name="python_demo")
def python_demo_fixture(tmp_path_factory):
    with demo_in_python(tmp_path_factory.mktemp("python-demo")) as demo:
        yield demo


@pytest.fixture(name="both", params=DEMOS)
def both_fixture(request):
    return request.getfixturevalue("demo" if request.param == "c" else "python_demo")


class HeldEngine:
    """Answers the planner at once, and the coder never; says how many of the coder's calls are open."""

    def __init__(self):
        engine = self
        self.open = 0
        self.come = 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if b"You are a planner" not in body:
                    engine.open += 1
                    engine.come += 1
                    self.connection.recv(1)  # until the gateway hangs up
                    engine.open -= 1
                    self.close_connection = True
                    return
                reply = json.dumps({"model": "x", "message": {"content": "A plan."}, "done": True}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


# ---- script/server --demo ----

def test_the_demo_names_one_url_and_what_it_started(demo):
    text = demo.server.text()
    assert re.findall(r"\S+/demo/\S*", text) == [f"{demo.url}/demo/"]
    assert f"the planner listens on port {demo.ports['PLANNER_PORT']}" in text
    assert f"the coder listens on port {demo.ports['CODER_PORT']}" in text
    assert "the stand-in engine" in text or "Ollama" in text
    status, page = ask("GET", f"{demo.url}/demo/")
    assert status == 200 and "<title>Attach Gateway" in page
    assert demo.ask("GET", "/mem/events?limit=1")[0] == 200


def test_ctrl_c_ends_everything(tmp_path):
    demo = Demo(tmp_path)
    assert len(demo.server.left()) >= 4
    assert demo.server.interrupt() in (0, 130)  # the gateway's own end, or the shell's, whichever came first
    assert wait_until(lambda: not demo.server.left(), lambda: f"the end of {demo.server.left()}")
    for port in demo.ports.values():
        with socket.socket() as one:
            assert one.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(AssertionError) as failed:
            Demo(tmp_path, CODER_PORT=taken.getsockname()[1])
    assert "the coder did not start" in str(failed.value)
    assert "in use" in str(failed.value)
    for log in tmp_path.glob("server-*.log"):
        assert "Open this" not in log.read_text()
    for entry in pathlib.Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            assert str(tmp_path) not in entry.read_text(errors="replace"), entry


def test_an_engine_that_is_away_is_said_to_be(tmp_path):
    demo = Demo(tmp_path, ENGINE_URL="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 does not answer yet" in demo.server.text()
    task = demo.task("planner", {"prompt": "hello"})
    assert (task["state"], task["result"]["detail"]) == ("error", "the target answered HTTP 502")
    errors = [row["message"] for row in demo.rows(event="log") if row["level"] == "error"]
    assert errors == ["POST /api/chat: HTTP 502: engine cannot be reached"]
    demo.server.stop()


# ---- the agents ----

def test_planner_and_coder_hand_over_by_memory(both):
    body = {"model": "tinyllama", "messages": [{"role": "user", "content": "Reverse a linked list."}]}
    task = both.task("planner", body)
    assert task["state"] == "done", task
    result = task["result"]
    assert "Reverse a linked list." in result["message"]["content"]
    plan = both.ask("GET", f"/mem/events/{result['mem_id']}")[1]
    assert (plan["event"], plan["user"]) == ("plan", "ada")
    assert plan["payload"]["request"] == "Reverse a linked list."
    assert plan["payload"]["plan"] == result["plan"]
    coder = both.ask("GET", f"/a2a/tasks/status/{result['coder_task']}")[1]
    assert coder["state"] == "done" and coder["result"]["mem_id"] == result["mem_id"]
    assert coder["result"]["message"]["content"] == result["message"]["content"]
    # every row is the user's, in one session, and tells by which way it came
    request_id = plan["payload"]["run_id"]
    rows = both.rows()
    wanted = {f"{request_id}/planner", f"{request_id}/planner/coder"}
    wait_until(lambda: wanted <= {row["request_id"] for row in both.rows(event="exchange")}, "both exchanges")
    said = [row["message"] for row in rows if row["event"] == "log"]
    assert "token verified: acting for ada, act chain coder <- planner" in said
    assert {row["user"] for row in rows} == {"ada"}
    assert plan["session_id"] in {row["session_id"] for row in rows if row["event"] == "task_sent"}


def test_the_coder_also_takes_plain_questions(both):
    task = both.task("coder", {"model": "tinyllama", "prompt": "What is a monad?"})
    assert task["state"] == "done" and "What is a monad?" in task["result"]["message"]["content"]


@pytest.mark.parametrize("body, words", [
    ({}, "neither a prompt nor messages"),
    ({"messages": []}, "neither a prompt nor messages"),
    ({"mem_id": "../../a2a/tasks/status/1"}, "mem_id is no id"),
    ({"mem_id": "x?y"}, "mem_id is no id"),
    ({"mem_id": "01a21024-6a4a-7e1f-9f2c-c3072ee6ec09"}, "HTTP 404"),
])
def test_what_makes_no_sense_fails_in_words(both, body, words):
    task = both.task("coder", body)
    assert task["state"] == "error", task
    assert words in both.rows(event="log", limit=1)[0]["message"]


def forged(token, **claims):
    head, payload, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    said.update(claims)
    payload = base64.urlsafe_b64encode(json.dumps(said).encode()).rstrip(b"=").decode()
    return f"{head}.{payload}.{signature}"


def test_agents_believe_the_gateway_alone(both):
    for name in ("PLANNER_PORT", "CODER_PORT"):
        url = f"http://127.0.0.1:{both.ports[name]}/api/chat"
        body = {"model": "tinyllama", "prompt": "hello"}
        headers = {"X-Attach-User": "ada"}
        users = both.token  # the user's own: signed by the same key, not meant for agents
        for token in (None, "nonsense", users, forged(users, iss=both.url, aud=both.url),
                      forged(users, iss=both.url, aud=both.url, act={"sub": "planner"})):
            status, reply = ask("POST", url, body, token, headers)
            assert status == 401, (token, reply)


def test_the_agents_http_is_strict(demo):
    for request, status in ((b"GET /api/chat HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
                            (b"POST /other HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
                            (b"POST /api/chat HTTP/1.1\r\nHost: x\r\n bad\r\n\r\n", b"400"),
                            (b"nonsense\r\n\r\n", b"400"),
                            (b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", b"401")):
        with socket.create_connection(("127.0.0.1", demo.ports["CODER_PORT"]), timeout=PATIENCE) as one:
            one.sendall(request)
            reply = one.recv(4096)
        assert reply.startswith(b"HTTP/1.1 " + status), (request, reply)


@pytest.mark.parametrize("language", DEMOS)
def test_canceling_the_planners_task_cancels_the_coders(language, tmp_path):
    engine = HeldEngine()
    with DEMOS[language](tmp_path, ENGINE_URL=engine.url) as demo:
        sent = demo.ask("POST", "/a2a/tasks/send", {"target": "planner", "input": {"prompt": "hello"}})[1]
        wait_until(lambda: engine.open == 1, "the coder's call")
        assert demo.ask("POST", f"/a2a/tasks/cancel/{sent['task_id']}", b"")[0] == 200
        canceled = {"detail": "canceled"}

        def results():
            rows = demo.rows(event="task_result")
            return {row["agent"]: row["result"] for row in rows} if len(rows) == 2 else None
        assert wait_until(results, "both ends") == {"planner": canceled, "coder": canceled}
        if language == "c":  # urllib cannot be interrupted
            wait_until(lambda: engine.open == 0, "the engine to be left alone")
        assert engine.come == 1
    engine.server.shutdown()


# ---- examples ----

def packages(name):
    """The folder with the packages of an example, installed once; skips when they cannot be."""
    wanted = EXAMPLES / name / "requirements.txt"
    folder = REPOSITORY / "build" / "example-packages" / name
    stamp = folder / ".installed"
    if not stamp.exists() or stamp.read_text() != wanted.read_text():
        done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                               "--no-input", "--upgrade", "--target", str(folder), "-r", str(wanted)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"the packages of examples/{name} cannot be installed: {done.stderr.strip()[-300:]}")
        stamp.write_text(wanted.read_text())
    return folder


def run_example(demo, arguments, **environment):
    done = subprocess.run([str(argument) for argument in arguments], cwd=demo.directory, capture_output=True, text=True,
                          timeout=2 * PATIENCE, check=False,
                          env={"PATH": os.environ["PATH"], "HOME": str(demo.directory), "ATTACH_URL": demo.url,
                               "JWT": demo.token, **{name: str(value) for name, value in environment.items()}})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_curl(demo):
    output = run_example(demo, [EXAMPLES / "curl" / "first-minute.sh"])
    assert "X-Attach-User: ada" in output
    assert '"text":"buy oat milk"' in output
    assert '"state":"done"' in output
    assert '"event":"plan"' in output
    assert '{"erased":1}' in output


@pytest.mark.parametrize("script", ["openai_client.py", "ollama_client.py"])
def test_python_clients(demo, script):
    folder = packages("python")
    output = run_example(demo, [sys.executable, EXAMPLES / "python" / script], PYTHONPATH=folder)
    assert "You are ada" in output and "Say hello." in output


def test_langgraph(demo):
    folder = packages("langgraph")
    output = run_example(demo, [sys.executable, EXAMPLES / "langgraph" / "graph.py", "Sort my albums."],
                         PYTHONPATH=folder)
    assert "Sort my albums." in output
    wait_until(lambda: {"plan", "exchange"} <= {row["event"] for row in demo.rows(session="langgraph-example")},
               "both kinds of rows")


def test_flask(demo):
    folder = packages("flask")
    port = free_port()
    app = Program([sys.executable, EXAMPLES / "flask" / "app.py"], demo.directory,
                  {"PYTHONPATH": folder, "ATTACH_URL": demo.url, "FLASK_PORT": port})
    try:
        app.match("Running on")
        request = urllib.request.Request(f"http://127.0.0.1:{port}/ask?q=What+is+Flask%3F",
                                         headers={"Authorization": f"Bearer {demo.token}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as reply:
            assert reply.headers["X-Asked-By"] == "ada"
            words = "".join(json.loads(line)["message"]["content"] for line in reply)
        assert "What is Flask?" in words
        history = f"http://127.0.0.1:{port}/history"
        wait_until(lambda: "What is Flask?" in json.dumps(ask("GET", history, token=demo.token)),
                   "the exchange to be remembered")
        status, refused = ask("GET", f"http://127.0.0.1:{port}/ask")
        assert (status, refused) == (401, {"detail": "Missing Bearer token"})
    finally:
        app.stop()
