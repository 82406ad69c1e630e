-- Writes the heartbeat of one who shares a work, stamped with Redis's time, and tells those of all. Where another
-- living process has the name, nothing is written. Who was silent for long is forgotten.
-- KEYS: heartbeats hash. ARGV: name, instance, JSON, alive_ms, forget_ms
-- Answers {now_ms, 1 or 0 (the name is taken), {name, at_ms, JSON, …}}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name, instance = ARGV[1], ARGV[2]

local function parts(text)
  local at, who, json = string.match(text, '^(%d+) (%S+) (.*)$')
  return tonumber(at), who, json
end

local ours = 1
local standing = redis.call('HGET', KEYS[1], name)
if standing then
  local at, who = parts(standing)
  if at and who ~= instance and math.abs(now - at) < tonumber(ARGV[4]) then ours = 0 end
end
if ours == 1 then
  redis.call('HSET', KEYS[1], name, string.format('%.0f', now) .. ' ' .. instance .. ' ' .. ARGV[3])
end

local beats = {}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local at, _, json = parts(all[i + 1])
  if not at or math.abs(now - at) > tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    beats[#beats + 1] = all[i]
    beats[#beats + 1] = at
    beats[#beats + 1] = json
  end
end
return {now, ours, beats}
