"""The counting in Redis: windows as in ``windows``, one hash of seconds and counts for each key.

One call asks for many keys, in the order given: what is asked at the same time shares one way to Redis. The
clock is that of Redis, the same for all processes. A hash has about as many fields as a window has seconds,
and goes a window after it was last counted in.
"""

from typing import Final

from artstore.kernel.limits.windows import WINDOW_SECONDS

SCRIPT: Final = f"""
local WINDOW = {WINDOW_SECONDS}
local second = tonumber(redis.call('TIME')[1])
local answers = {{}}

local function until_room(held, taken, limit)
  table.sort(held, function(a, b) return a[1] < b[1] end)
  for _, pair in ipairs(held) do
    taken = taken - pair[2]
    if taken < limit then return pair[1] + WINDOW + 1 - second end
  end
  return WINDOW + 1
end

for number, key in ipairs(KEYS) do
  local limit, count = tonumber(ARGV[2 * number - 1]), ARGV[2 * number] == '1'
  local counts = redis.call('HGETALL', key)
  local taken, oldest, held, gone = 0, second, {{}}, {{}}
  for i = 1, #counts, 2 do
    local at = tonumber(counts[i])
    -- What lies ahead by a window was counted before the clock was set back.
    if at < second - WINDOW or at > second + WINDOW then
      gone[#gone + 1] = counts[i]
    else
      local pair = {{at, tonumber(counts[i + 1])}}
      held[#held + 1] = pair
      taken = taken + pair[2]
      if at < oldest then oldest = at end
    end
  end
  if taken >= limit then
    answers[#answers + 1] = {{0, 0, until_room(held, taken, limit)}}
  else
    if count then
      if #gone > 0 then redis.call('HDEL', key, unpack(gone)) end
      redis.call('HINCRBY', key, second, 1)
      redis.call('EXPIRE', key, WINDOW + 1)
      taken = taken + 1
    end
    answers[#answers + 1] = {{1, limit - taken, oldest + WINDOW + 1 - second}}
  end
end
return answers
"""
