-- Takes, renews or gives back the lease of a shard. Time is Redis's own.
-- KEYS: lease hash. ARGV: 'hold', holder, length_ms, above  or  'release', holder, epoch
-- The epoch is above `above`, under which somebody held the shard where its work is fenced.
-- Answers to 'hold' {epoch} if it is the caller's now, or {0, holder, ms left}; to 'release' 1 or 0.
local verb, holder = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease = redis.call('HMGET', KEYS[1], 'holder', 'epoch', 'until_ms')
local standing, epoch, left = lease[1], lease[2] or '0', tonumber(lease[3] or '0') - now

if verb == 'release' then
  if standing ~= holder or epoch ~= ARGV[3] then return 0 end
  redis.call('HSET', KEYS[1], 'until_ms', '0')
  return 1
end

local length = tonumber(ARGV[3])
-- A lease that ends later than one taken now would is of a clock that was set back since: it counts as
-- over, for its holder renews it twice a second if it lives.
local runs = left > 0 and left <= length
if runs and standing ~= holder then return {0, standing, left} end
local above = tonumber(ARGV[4])
if not runs or tonumber(epoch) <= above then
  -- Above the last epoch, and above all that were before Redis lost its memory.
  epoch = string.format('%.0f', math.max(tonumber(epoch) + 1, now, above + 1))
end
redis.call('HSET', KEYS[1], 'holder', holder, 'epoch', epoch,
  'until_ms', string.format('%.0f', now + length))
return {tonumber(epoch)}
