-- Adds jobs and moves the point up to which the region is planned, if it still is where the planner
-- believes: so a repeated call, or a second planner, adds nothing.
-- KEYS: jobs stream, planned hash. ARGV: from_ms ('' if never planned), until_ms, then encoded jobs
-- Answers {1 taken or 0 not, planned until now}.
local planned = redis.call('HGET', KEYS[2], 'until_ms')
if (planned or '') ~= ARGV[1] then return {0, planned or ''} end
for i = 3, #ARGV do
  redis.call('XADD', KEYS[1], '*', 'j', ARGV[i])
end
redis.call('HSET', KEYS[2], 'until_ms', ARGV[2])
return {1, ARGV[2]}
