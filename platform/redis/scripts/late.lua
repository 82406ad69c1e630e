-- Puts cells of sealed minutes on a region's list of late cells.
-- KEYS: late list. ARGV: late_max, then encoded records. Answers per record: 3 late, 4 dropped.
local room = tonumber(ARGV[1]) - redis.call('LLEN', KEYS[1])
local answers = {}
for i = 2, #ARGV do
  if room > 0 then
    redis.call('RPUSH', KEYS[1], ARGV[i])
    room = room - 1
    answers[i - 1] = 3
  else
    answers[i - 1] = 4
  end
end
return answers
