-- Sends signed requests, each once, and counts the answers whose status is not the one expected, but for 429.
-- Arguments: a file of whole requests, each ended by a NUL; the status.

function setup(thread)
  replaying = thread
end

function init(args)
  requests, sent, unexpected, limited = {}, 0, 0, 0
  local file = assert(io.open(args[1], "rb"))
  for request in file:read("*a"):gmatch("(%Z+)%z") do
    requests[#requests + 1] = request
  end
  file:close()
  expected = tonumber(args[2])
end

function request()
  sent = sent + 1
  if sent >= #requests then
    wrk.thread:stop()
  end
  return requests[math.min(sent, #requests)]
end

function response(status)
  if status == 429 then
    limited = limited + 1
  elseif status ~= expected then
    unexpected = unexpected + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"answers": %d, "seconds": %f, "p50": %f, "p99": %f, "sent": %d, "unexpected": %d, '
    .. '"limited": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    replaying:get("sent"), replaying:get("unexpected"), replaying:get("limited"),
    errors.connect + errors.read + errors.write + errors.timeout))
end
