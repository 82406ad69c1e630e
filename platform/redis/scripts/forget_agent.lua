-- Removes the heartbeat of an agent that is gone, and adds what it counted to what those before it left.
-- KEYS: heartbeats hash, counts hash. ARGV: agent, instance ('' of an older version)
-- Answers 1, or 0 where the heartbeat is gone, or another process's by now.
local json = redis.call('HGET', KEYS[1], ARGV[1])
if not json then return 0 end
local read, beat = pcall(cjson.decode, json)
if not read or type(beat) ~= 'table' then beat = {} end
if (beat['instance'] or '') ~= ARGV[2] then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
for _, count in ipairs({'missed', 'duplicates', 'held_back'}) do
  local total = tonumber(beat[count .. '_total'])
  if total and total > 0 then redis.call('HINCRBY', KEYS[2], count, string.format('%.0f', total)) end
end
return 1
