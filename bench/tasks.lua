-- What wrk sends where tasks are measured: BENCH_KIND is send, message, status or chat; and what it says afterwards, as one
-- line of JSON. BENCH_TASKS names a file of task ids, one on each line, for status.
local kind = os.getenv("BENCH_KIND")
local chat = '{"model":"bench","messages":[{"role":"user","content":"What is the capital of France?"}]}'
local ids = {}
local number = 0
local seed = os.getenv("BENCH_SEED") or ""

wrk.headers["User-Agent"] = "bench"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/json"

init = function()
    if kind == "status" then
        for line in io.lines(os.getenv("BENCH_TASKS")) do
            ids[#ids + 1] = line
        end
    end
end

request = function()
    number = number + 1
    if kind == "status" then
        return wrk.format("GET", "/a2a/tasks/status/" .. ids[number % #ids + 1])
    elseif kind == "send" then
        return wrk.format("POST", "/a2a/tasks/send", nil, '{"target":"agent","input":' .. chat .. "}")
    elseif kind == "message" then
        return wrk.format("POST", "/a2a/agents/agent", nil, '{"jsonrpc":"2.0","id":1,"method":"message/send","params":'
            .. '{"message":{"kind":"message","role":"user","messageId":"' .. seed .. number .. '","parts":[{"kind":"text",'
            .. '"text":"What is the capital of France?"}]}}}')
    end
    return wrk.format("POST", "/v1/chat/completions", nil, chat)
end

done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('{"replies":%d,"seconds":%.3f,"p50_us":%d,"p99_us":%d,"errors":%d}\n', summary.requests,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
