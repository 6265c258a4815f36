"""Lua scripts that the shared store runs, each in one step that nothing else comes between.

The clock is the store's own (`TIME`), so a client's clock changes nothing. Only tests pass another time. Numbers with a
fraction travel as text with 17 digits: the protocol has whole numbers only.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final

_NOW: Final = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
"""


class Script:
    """A script and the digest it is called by."""

    __slots__ = ("sha", "text")

    def __init__(self, body: str) -> None:
        self.text = _NOW + body
        self.sha = sha1(self.text.encode("ascii"), usedforsecurity=False).hexdigest()


TAKE: Final = Script("""
local cost = tonumber(ARGV[2])
local tats = redis.call('MGET', unpack(KEYS))
local planned, before, after, blocker = {}, {}, {}, 0
for i, key in ipairs(KEYS) do
  local interval, ceiling = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  before[i] = math.max(0, (tonumber(tats[i] or 0) or 0) - now)
  local level = (planned[key] or before[i]) + cost * interval
  if cost > 0 and level > ceiling and blocker == 0 then blocker = i end
  planned[key] = level
  after[i] = level
end
local answer = {blocker}
for i, key in ipairs(KEYS) do
  local level = before[i]
  if cost > 0 and blocker == 0 then
    level = after[i]
    redis.call('SET', key, string.format('%.17g', now + planned[key]), 'PX', math.ceil(planned[key] * 1000) + 1)
  end
  answer[i + 1] = string.format('%.17g', level)
end
return answer
""")
"""GCRA over all keys of a decision, or over none. ARGV: now or '', cost, then interval and ceiling of each key.

Returns the place of the key that refuses (0: none), and the level of each key in seconds: after the charge when all
were charged, as it stands otherwise."""

GIVE_BACK: Final = Script("""
local cost = tonumber(ARGV[2])
for i, key in ipairs(KEYS) do
  local tat = tonumber(redis.call('GET', key) or 0) or 0
  local level = tat - cost * tonumber(ARGV[i + 2]) - now
  if level > 0 then
    redis.call('SET', key, string.format('%.17g', now + level), 'PX', math.ceil(level * 1000) + 1)
  else
    redis.call('DEL', key)
  end
end
return 0
""")
"""Undo a charge of `cost`. ARGV: now or '', cost, then the interval of each key."""

FORGET: Final = Script("return redis.call('DEL', unpack(KEYS))")

ATTEMPT: Final = Script("""
redis.call('SET', KEYS[1], tostring(now), 'PX', 1000)
return redis.call('DEL', KEYS[1])
""")
"""Whether the store runs scripts, tells the time, and lets us write under our namespace."""
