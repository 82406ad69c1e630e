-- Puts jobs that were taken and not started back at the end of the stream, if they are still held by
-- this agent. KEYS: jobs stream. ARGV: group, agent, then entry ids. Answers how many.
local count = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1, ARGV[2])
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if held[1] and entry then
    redis.call('XADD', KEYS[1], '*', unpack(entry[2]))
    redis.call('XACK', KEYS[1], ARGV[1], id)
    redis.call('XDEL', KEYS[1], id)
    count = count + 1
  end
end
return count
