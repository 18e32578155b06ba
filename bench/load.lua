-- What wrk sends: one chat call with a bearer token (BENCH_TOKEN); and what it says afterwards, as one line of JSON.
wrk.method = "POST"
wrk.headers["User-Agent"] = "bench"
wrk.headers["Accept"] = "*/*"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN")
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"bench","messages":[{"role":"system","content":"You are a helpful assistant."},'
    .. '{"role":"user","content":"What is the capital of France?"}],"temperature":0.7,"max_tokens":64}'

done = function(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('{"replies":%d,"seconds":%.3f,"p50_us":%d,"p99_us":%d,"errors":%d}\n', summary.requests,
        summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
