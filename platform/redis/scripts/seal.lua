-- Moves a shard's watermark forward, never back. KEYS: sealed string. ARGV: minute_ms
local watermark = redis.call('GET', KEYS[1])
if not watermark or tonumber(watermark) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
