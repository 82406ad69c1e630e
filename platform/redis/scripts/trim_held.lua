-- Removes the oldest entries of lists of one shard, if its lease still has the caller's epoch: another holder may not have read
-- what stands there by now.
-- KEYS: lease hash, then the lists. ARGV: epoch, then of each list how many entries. Answers 1, or 0 where nothing was done.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('LTRIM', KEYS[i], ARGV[i], -1) end
return 1
