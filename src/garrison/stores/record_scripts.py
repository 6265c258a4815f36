"""The Lua scripts behind `RedisRecords`. A record is a hash: v(ersion), e(xpires) or '', d(ata), t(okens).

Keys of the sets it is found by are made from a prefix with the record's own hash tag, so they are on its node.
"""

from __future__ import annotations

from typing import Final

from .scripts import Script

_DROP: Final = """
local function drop(record, ids, id, prefix, found)
  redis.call('DEL', record)
  redis.call('ZREM', ids, id)
  for one in string.gmatch(found or '', '%S+') do redis.call('ZREM', prefix .. one, id) end
end
local function live(expires) return expires and (expires == '' or tonumber(expires) > now) end
"""

GET: Final = Script(
    _DROP
    + """
local r = redis.call('HMGET', KEYS[1], 'v', 'e', 'd')
return live(r[2]) and r or false
"""
)
"""KEYS: record. ARGV: now. Returns version, expires, data; or nothing."""

PUT: Final = Script(
    _DROP
    + """
local record, ids = KEYS[1], KEYS[2]
local id, data, expires, expect, most, prefix = unpack(ARGV, 2, 7)
local found = table.concat(ARGV, ' ', 8)
local r = redis.call('HMGET', record, 'v', 'e', 't')
local version = live(r[2]) and tonumber(r[1]) or 0
if expect ~= '' and tonumber(expect) ~= version then return 0 end
if r[1] and version == 0 then drop(record, ids, id, prefix, r[3]) end
if version == 0 then
  redis.call('ZREMRANGEBYSCORE', ids, '-inf', string.format('%.17g', now))
  if redis.call('ZCARD', ids) >= tonumber(most) then return -1 end
end
local left = expires ~= '' and math.max(1, math.ceil((tonumber(expires) - now) * 1000))
local function enter(set)
  local ttl = left and redis.call('PTTL', set) or 0
  redis.call('ZADD', set, expires ~= '' and expires or '+inf', id)
  if not left then
    redis.call('PERSIST', set)
  elseif ttl == -2 or (ttl >= 0 and ttl < left) then
    redis.call('PEXPIRE', set, left)
  end
end
if r[3] ~= found or r[2] ~= expires or version == 0 then
  if version > 0 then
    for one in string.gmatch(r[3], '%S+') do redis.call('ZREM', prefix .. one, id) end
  end
  for i = 8, #ARGV do
    redis.call('ZREMRANGEBYSCORE', prefix .. ARGV[i], '-inf', string.format('%.17g', now))
    enter(prefix .. ARGV[i])
  end
  enter(ids)
end
redis.call('HSET', record, 'v', version + 1, 'e', expires, 'd', data, 't', found)
if left then redis.call('PEXPIRE', record, left) else redis.call('PERSIST', record) end
return version + 1
"""
)
"""KEYS: record, ids. ARGV: now, id, data, expires or '', expected version or '', bound, prefix of sets, tokens.

Returns the new version, 0 when another was expected, -1 when there is no room."""

DELETE: Final = Script(
    _DROP
    + """
local r = redis.call('HMGET', KEYS[1], 'e', 't')
if not r[1] then return 0 end
drop(KEYS[1], KEYS[2], ARGV[2], ARGV[3], r[2])
return live(r[1]) and 1 or 0
"""
)
"""KEYS: record, ids. ARGV: now, id, prefix of sets. Returns 1 when a live record went."""

FIND: Final = Script(
    _DROP
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.17g', now))
local limit, at, rows, gone = tonumber(ARGV[2]), 0, {}, {}
while #rows < limit do
  local ids = redis.call('ZRANGE', KEYS[1], at, at + limit - 1)
  if #ids == 0 then break end
  for _, id in ipairs(ids) do
    local r = redis.call('HMGET', ARGV[3] .. id, 'v', 'e', 'd')
    if not live(r[2]) then gone[#gone + 1] = id
    elseif #rows < limit then rows[#rows + 1] = {id, r[1], r[2], r[3]} end
  end
  at = at + #ids
end
for _, id in ipairs(gone) do redis.call('ZREM', KEYS[1], id) end
return rows
"""
)
"""KEYS: set. ARGV: now, limit, prefix of records. Returns rows of id, version, expires, data."""
