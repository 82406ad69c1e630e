-- Adds the jobs of several shards to a region's stream and moves the points up to which these are
-- planned. A shard is refused whose fence is not the caller's epoch (another coordinator holds its
-- lease, or Redis lost its memory), or whose point is not where the caller believes it (a repeated
-- call); the others go in.
-- KEYS: jobs stream, planned hash, fence hash
-- ARGV: per shard, each shard once: shard, epoch, from_ms ('' if never planned), until_ms, jobs: each
--       a length (4 bytes, big-endian) and as many bytes
-- Answers per shard: 1 (taken), or 'fenced', or the point where it is planned up to ('' if never).
local shards = {}
for i = 1, #ARGV, 5 do shards[#shards + 1] = ARGV[i] end
local fences = redis.call('HMGET', KEYS[3], unpack(shards))
local planned = redis.call('HMGET', KEYS[2], unpack(shards))

local stream, answers, moved = KEYS[1], {}, {}
for n = 1, #shards do
  local i = 5 * n - 4
  if fences[n] ~= ARGV[i + 1] then
    answers[n] = 'fenced'
  elseif (planned[n] or '') ~= ARGV[i + 2] then
    answers[n] = planned[n] or ''
  else
    local jobs, at, job = ARGV[i + 4], 1, nil
    while at <= #jobs do
      job, at = struct.unpack('>I4c0', jobs, at)
      redis.call('XADD', stream, '*', 'j', job)
    end
    moved[#moved + 1] = ARGV[i]
    moved[#moved + 1] = ARGV[i + 3]
    answers[n] = 1
  end
end
if #moved > 0 then redis.call('HSET', KEYS[2], unpack(moved)) end
return answers
