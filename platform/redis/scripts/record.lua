-- Merges cells of one shard and minute, and announces each endpoint whose last expected cell came in.
-- KEYS: minute hash, done list, sealed string, late list
-- ARGV: minute_ms, minute_ttl_s, late_max, done_max, then per cell:
--       cell field, endpoint id, expected cells, encoded cell
-- Answers per cell: 0 fresh, 1 merged, 2 duplicate, 3 late, 4 dropped.

-- The merge order is byte order. Lua's `<` asks the locale (Redis sets LC_COLLATE) and would differ.
local function smaller(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local minute, done, sealed, late = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local minute_ms, late_max, done_max = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local answers = {}

local watermark = redis.call('GET', sealed)
if watermark and tonumber(minute_ms) <= tonumber(watermark) then
  for i = 5, #ARGV, 4 do
    if redis.call('LLEN', late) < late_max then
      redis.call('RPUSH', late, minute_ms .. ':' .. ARGV[i + 3])
      answers[#answers + 1] = 3
    else
      answers[#answers + 1] = 4
    end
  end
  return answers
end

for i = 5, #ARGV, 4 do
  local field, endpoint, expected, cell = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3]
  if redis.call('HSETNX', minute, field, cell) == 1 then
    answers[#answers + 1] = 0
    -- Only a fresh cell counts, so the count passes `expected` once and the minute is announced once.
    local count = redis.call('HINCRBY', minute, 'n:' .. endpoint, 1)
    if count == expected and redis.call('LLEN', done) < done_max then
      redis.call('RPUSH', done, minute_ms .. ':' .. endpoint)
    end
  else
    local standing = redis.call('HGET', minute, field)
    if standing == cell then
      answers[#answers + 1] = 2
    else
      if smaller(cell, standing) then redis.call('HSET', minute, field, cell) end
      answers[#answers + 1] = 1
    end
  end
end
redis.call('EXPIRE', minute, ARGV[2])
return answers
