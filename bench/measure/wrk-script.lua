-- Prints what wrk measured as one line of JSON.
--
-- wrk 4 "corrects" its latencies for coordinated omission: for each that took more than twice the mean
-- it invents further ones. That is taken back here, exactly, so that percentiles are of requests that
-- were made. The first request of each connection was held at a gate until all connections were there
-- and is among the slowest for that: HELD of the slowest are left out.
local ffi = require('ffi')
ffi.cdef('typedef struct { uint64_t count, limit, min, max; uint64_t data[]; } bench_stats;')

local connections = tonumber(os.getenv('BENCH_CONNECTIONS'))
local held = tonumber(os.getenv('BENCH_HELD'))

local function uncorrect(stats, expected)
  local max = tonumber(stats.max)
  for n = max, expected * 2, -1 do
    local count = stats.data[n]
    local m = n - expected
    while count > 0 and m > expected do
      stats.data[m] = stats.data[m] - count
      stats.count = stats.count - count
      m = m - expected
    end
  end
end

local function drop_slowest(stats, many)
  local left = many
  for n = tonumber(stats.max), tonumber(stats.min), -1 do
    if left == 0 then return end
    local count = math.min(left, tonumber(stats.data[n]))
    stats.data[n] = stats.data[n] - count
    stats.count = stats.count - count
    left = left - count
  end
end

local function percentiles(stats, shares)
  local total = tonumber(stats.count)
  local found, seen, at = {}, 0, 1
  for n = tonumber(stats.min), tonumber(stats.max) do
    seen = seen + tonumber(stats.data[n])
    while at <= #shares and seen >= shares[at] * total and seen > 0 do
      found[at] = n
      at = at + 1
    end
  end
  return found
end

function done(summary, latency)
  local stats = ffi.cast('bench_stats **', latency)[0]
  local e = summary.errors
  local recorded = tonumber(stats.count)
  if recorded > summary.requests then
    uncorrect(stats, math.floor(summary.duration / math.floor(summary.requests / connections)))
  end
  local after = tonumber(stats.count)
  drop_slowest(stats, held)
  local p = percentiles(stats, { 0.5, 0.9, 0.99, 0.999 })
  io.write(string.format(
    '\nbench {"requests":%d,"durationUs":%d,"recorded":%d,"kept":%d,' ..
    '"p50Us":%d,"p90Us":%d,"p99Us":%d,"p999Us":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d}}\n',
    summary.requests, summary.duration, after, tonumber(stats.count),
    p[1] or 0, p[2] or 0, p[3] or 0, p[4] or 0,
    e.connect, e.read, e.write, e.status, e.timeout))
end
