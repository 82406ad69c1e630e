-- Removes the consumers of a group that were silent for long and hold nothing: one that holds an entry would take
-- it with it. One that comes back is made anew by its first read.
-- KEYS: jobs stream. ARGV: group, idle_ms, how many at most. Answers how many went.
local count, most = 0, tonumber(ARGV[3])
local consumers = redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
for i = 1, #consumers do
  local of = {}
  for n = 1, #consumers[i], 2 do of[consumers[i][n]] = consumers[i][n + 1] end
  if count < most and of['pending'] == 0 and of['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
    count = count + 1
  end
end
return count
