-- wrk's side of a flood: a pause between the requests of a connection, and a count of answers by status.
-- Every refusal must say when to come back; those that do not are counted as "silent".

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  counts = {}
  pause = tonumber(args[1]) or 0
end

function delay()
  return pause
end

function response(status, headers, body)
  local name = tostring(status)
  counts[name] = (counts[name] or 0) + 1
  if status == 429 or status == 503 then
    local wait = tonumber(headers["retry-after"])
    if wait == nil or wait < 1 then
      counts["silent"] = (counts["silent"] or 0) + 1
    end
  end
end

function done(summary, latency, requests)
  local all = {}
  for _, thread in ipairs(threads) do
    for name, count in pairs(thread:get("counts")) do
      all[name] = (all[name] or 0) + count
    end
  end
  local parts = {}
  for name, count in pairs(all) do
    table.insert(parts, string.format('"%s": %d', name, count))
  end
  print("{" .. table.concat(parts, ", ") .. "}")
end
