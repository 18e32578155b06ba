#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Everything the gateway does, with curl. Needs `script/server --demo` in another terminal, and its token in JWT.
set -euo pipefail
url=${ATTACH_URL:-http://localhost:8080}
: "${JWT:?export JWT=..., as script/server prints it}"

# call PATH [CURL ARGUMENTS]
call() {
    curl --silent --show-error --fail-with-body --header "Authorization: Bearer $JWT" "$url$1" "${@:2}"
}
# member NAME: the first text member of that name in the JSON on standard input
member() {
    sed -nE "s/.*\"$1\": ?\"([^\"]*)\".*/\1/p" | head -n 1
}

echo "== who am I"
call "/mem/events?limit=1" --output /dev/null --dump-header - | grep -i '^x-attach-'

echo "== the engine, word by word"
call /api/chat --no-buffer --data '{"model":"tinyllama","prompt":"hello"}'

echo "== a document in memory, and its search"
mem_id=$(call /mem/events --data '{"event":"note","payload":{"text":"buy oat milk"}}' | member mem_id)
call "/mem/events?q=oat&limit=1"
echo

echo "== a task for the planner, who hands it to the coder"
body='{"target":"planner","input":{"model":"tinyllama","messages":[{"role":"user","content":"Reverse a list."}]}}'
task_id=$(call /a2a/tasks/send --data "$body" | member task_id)
state=queued
for _ in $(seq 300); do
    state=$(call "/a2a/tasks/status/$task_id" | member state)
    case "$state" in
    done | error) break ;;
    esac
    sleep 0.2
done
call "/a2a/tasks/status/$task_id"
echo
[ "$state" = done ]

echo "== and what is remembered of it"
call "/mem/events?event=plan&limit=1"
echo

echo "== the document goes"
call "/mem/events/$mem_id" --request DELETE
echo
