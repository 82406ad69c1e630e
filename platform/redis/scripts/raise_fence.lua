-- Raises the fences of shards to the epochs of their leases, never lowers one, and tells how far each
-- is planned; what an earlier holder still sends is refused from here on.
-- KEYS: planned hash, fence hash. ARGV: per shard: shard, epoch
-- Answers per shard two: the fence that stands now (a higher epoch than ours is of a later lease), planned
-- until ('' if never).
local answers = {}
for i = 1, #ARGV, 2 do
  local shard, epoch = ARGV[i], ARGV[i + 1]
  local standing = tonumber(redis.call('HGET', KEYS[2], shard) or '-1')
  if standing < tonumber(epoch) then redis.call('HSET', KEYS[2], shard, epoch) end
  answers[#answers + 1] = math.max(standing, tonumber(epoch))
  answers[#answers + 1] = redis.call('HGET', KEYS[1], shard) or ''
end
return answers
