-- Adds the jobs of several shards to a region's stream and moves the points up to which these are
-- planned; counts the jobs that this leaves out for good. A shard is refused whose fence is not the caller's epoch (another coordinator holds its
-- lease, or Redis lost its memory), or whose point is not where the caller believes it (a repeated
-- call); the others go in.
-- KEYS: jobs stream, planned hash, fence hash, missed hash
-- ARGV: per shard, each shard once: shard, epoch, from_ms ('' if never planned), until_ms, how many
--       are missed, jobs: each a length (4 bytes, big-endian) and as many bytes
-- Answers per shard: 1 (taken), or 'fenced', or the point where it is planned up to ('' if never).
local shards = {}
for i = 1, #ARGV, 6 do shards[#shards + 1] = ARGV[i] end
local fences = redis.call('HMGET', KEYS[3], unpack(shards))
local planned = redis.call('HMGET', KEYS[2], unpack(shards))

local stream, answers, taken, moved = KEYS[1], {}, {}, {}
for n = 1, #shards do
  local i = 6 * n - 5
  if fences[n] ~= ARGV[i + 1] then
    answers[n] = 'fenced'
  elseif (planned[n] or '') ~= ARGV[i + 2] then
    answers[n] = planned[n] or ''
  else
    answers[n] = 1
    taken[#taken + 1] = i
    moved[#moved + 1] = ARGV[i]
    moved[#moved + 1] = ARGV[i + 3]
  end
end

-- The points first: should anything below fail, jobs are missing, which is told; the other way round
-- they would be added again with every call. In parts, for Lua unpacks 8,000 values at most.
for first = 1, #moved, 4000 do
  redis.call('HSET', KEYS[2], unpack(moved, first, math.min(first + 3999, #moved)))
end
for n = 1, #taken do
  local i = taken[n]
  if ARGV[i + 4] ~= '0' then redis.call('HINCRBY', KEYS[4], ARGV[i], ARGV[i + 4]) end
  local jobs, at, job = ARGV[i + 5], 1, nil
  while at <= #jobs do
    job, at = struct.unpack('>I4c0', jobs, at)
    redis.call('XADD', stream, '*', 'j', job)
  end
end
return answers
