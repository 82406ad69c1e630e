-- Merges cells of one shard, region and minute, and announces the slots whose last expected cell
-- came in.
-- KEYS: 1 presence string, 2 details hash, 3 done list, then of each group its string of cells
-- ARGV: 1 minute_ms, 2 ttl_s, 3 done_max, 4 bytes of a cell, 5 slots of a block, 6 key of the
--       shard's watermark, 7 and 8 what a region's presence key has before and after its id,
--       9 number of groups; then of each group (cells of one block that expect the same regions):
--       first slot of the block, ids of the other regions as bytes, runs, cells one after the other;
--       then of each cell with details: slot, details.
--       A run is 6 bytes, big-endian: first slot u32, count u16; runs ascend, no slot comes twice.
-- Answers 'sealed', or 'fresh' where all cells were the first of their slot, or else of each cell a
-- digit: 0 fresh, 1 merged, 2 duplicate.
-- What only is read of other regions is not in KEYS: agents may not write there, and Redis asks for
-- that right on KEYS. It has the hash tag of all the others.
local call, byte, sub, rep, concat = redis.call, string.byte, string.sub, string.rep, table.concat
local minute, ttl, done_max = ARGV[1], ARGV[2], tonumber(ARGV[3])
local width, block_slots, groups = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[9])
local here, details_key, done_key = KEYS[1], KEYS[2], KEYS[3]

local watermark = call('GET', ARGV[6])
if watermark and tonumber(minute) <= tonumber(watermark) then return 'sealed' end

local arg = 10 + 4 * groups
local details = arg <= #ARGV and {}
while arg < #ARGV do
  details[tonumber(ARGV[arg])] = ARGV[arg + 1]
  arg = arg + 2
end

-- Which slots of the minute have a cell: a byte each, 1 or 0.
local own = call('GET', here) or ''
local presence = {}
local function presence_of(region)
  local bytes = presence[region]
  if not bytes then
    bytes = call('GET', ARGV[7] .. region .. ARGV[8]) or ''
    presence[region] = bytes
  end
  return bytes
end

local zeros, ones = {}, {}
local function all(which, char, count)
  local bytes = which[count]
  if not bytes then
    bytes = rep(char, count)
    which[count] = bytes
  end
  return bytes
end

-- The merge order is byte order. Lua's `<` asks the locale (Redis sets LC_COLLATE) and would differ.
local function smaller(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = byte(a, i), byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

-- wire::merge_encoded: the smaller (rank, start and attempt, agent, cell, details).
local function goes_first(cell, with, standing, standing_with)
  local order, standing_order = sub(cell, 1, 6), sub(standing, 1, 6)
  if order ~= standing_order then return smaller(order, standing_order) end
  local agent, standing_agent = with:match('^%Z*'), standing_with:match('^%Z*')
  if agent ~= standing_agent then return smaller(agent, standing_agent) end
  if cell ~= standing then return smaller(cell, standing) end
  return smaller(with, standing_with)
end

local function merge(cells_key, offset, slot, cell)
  local standing = call('GETRANGE', cells_key, offset, offset + width - 1)
  local kept = call('HGET', details_key, slot)
  local with, standing_with = details and details[slot] or '', ''
  if kept and sub(kept, 1, width) == standing then standing_with = sub(kept, width + 1) end
  if cell == standing and with == standing_with then return '2' end
  if byte(standing) == 0 or goes_first(cell, with, standing, standing_with) then
    call('SETRANGE', cells_key, offset, cell)
    if with ~= '' then
      call('HSET', details_key, slot, cell .. with)
    elseif kept then
      call('HDEL', details_key, slot)
    end
  end
  return '1'
end

-- Room for `size` bytes, not by SETRANGE: it would double what the string takes.
local function make_room(key, size)
  local length = call('STRLEN', key)
  if length >= size then return end
  if length == 0 then
    call('SETRANGE', key, size - 1, '\0')
    call('EXPIRE', key, ttl)
  else
    size = math.max(size, math.min(2 * length, block_slots * width))
    call('SET', key, call('GET', key) .. rep('\0', size - length), 'EX', ttl)
  end
end

local total = 0
local answers                       -- pieces of digits; made when not all cells are fresh
local fresh, fresh_count = {}, 0    -- first slots of the runs that are
local counts = {}                   -- how long these are
local done, done_count = {}, 0      -- runs that became complete

local function note_done(seen, slot, count, run)
  local complete = true
  local ready = all(ones, '\1', count)
  for i = 1, #seen do
    local bytes = sub(seen[i], slot + 1, slot + count)
    if bytes ~= ready then
      if bytes == '' or bytes == all(zeros, '\0', count) then return end
      complete = false
    end
  end
  if complete then
    done_count = done_count + 1
    done[done_count] = run
    return
  end
  for each = slot, slot + count - 1 do
    complete = true
    for i = 1, #seen do
      if byte(seen[i], each + 1) ~= 1 then complete = false; break end
    end
    if complete then
      done_count = done_count + 1
      done[done_count] = struct.pack('>I4I2', each, 1)
    end
  end
end

for group = 1, groups do
  local key = KEYS[3 + group]
  arg = 6 + 4 * group
  local first, others, runs, cells = tonumber(ARGV[arg]), ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3]
  local seen = {}
  for i = 1, #others do seen[i] = presence_of(byte(others, i)) end
  local last, last_count = struct.unpack('>I4I2', runs, #runs - 5)
  make_room(key, (last + last_count - first) * width)

  local from = 1
  for at = 1, #runs, 6 do
    local a, b, c, d, e, f = byte(runs, at, at + 5)
    local slot, count = ((a * 256 + b) * 256 + c) * 256 + d, e * 256 + f
    local offset = (slot - first) * width
    local is_fresh
    if count == 1 then
      is_fresh = (byte(own, slot + 1) or 0) == 0
    else
      is_fresh = not sub(own, slot + 1, slot + count):find('\1', 1, true)
    end
    if is_fresh then
      call('SETRANGE', key, offset, sub(cells, from, from + count * width - 1))
      fresh_count = fresh_count + 1
      fresh[fresh_count] = slot
      counts[slot] = count
      if count == 1 then  -- as note_done, without making strings
        local complete = true
        for i = 1, #seen do
          if byte(seen[i], slot + 1) ~= 1 then complete = false; break end
        end
        if complete then
          done_count = done_count + 1
          done[done_count] = sub(runs, at, at + 5)
        end
      else
        note_done(seen, slot, count, sub(runs, at, at + 5))
      end
      if details then
        for each = slot, slot + count - 1 do
          local with = details[each]
          if with then
            local start = from + (each - slot) * width
            call('HSET', details_key, each, sub(cells, start, start + width - 1) .. with)
          end
        end
      end
      if answers then answers[#answers + 1] = rep('0', count) end
    else
      answers = answers or {rep('0', total)}
      for i = 0, count - 1 do
        local each = slot + i
        local cell = sub(cells, from + i * width, from + (i + 1) * width - 1)
        if byte(own, each + 1) == 1 then
          answers[#answers + 1] = merge(key, offset + i * width, each, cell)
        else
          call('SETRANGE', key, offset + i * width, cell)
          if details and details[each] then
            call('HSET', details_key, each, cell .. details[each])
          end
          fresh_count = fresh_count + 1
          fresh[fresh_count] = each
          counts[each] = 1
          note_done(seen, each, 1, struct.pack('>I4I2', each, 1))
          answers[#answers + 1] = '0'
        end
      end
    end
    from = from + count * width
    total = total + count
  end
end

if fresh_count > 0 then
  for i = 2, fresh_count do
    if fresh[i] < fresh[i - 1] then  -- two groups of one block
      table.sort(fresh)
      break
    end
  end
  local begin = fresh[1]
  local pieces, n, upto = {}, 0, begin
  for i = 1, fresh_count do
    local slot = fresh[i]
    if slot > upto then
      local part = sub(own, upto + 1, slot)
      pieces[n + 1], pieces[n + 2] = part, rep('\0', slot - upto - #part)
      n = n + 2
    end
    n = n + 1
    pieces[n] = all(ones, '\1', counts[slot])
    upto = slot + counts[slot]
  end
  if upto <= #own then
    call('SETRANGE', here, begin, concat(pieces))
  else
    local pad = rep('\0', math.max(0, begin - #own))
    local rest = rep('\0', math.ceil(upto / 128) * 128 - upto)
    call('SET', here, sub(own, 1, begin) .. pad .. concat(pieces) .. rest, 'EX', ttl)
  end
end
if details then call('EXPIRE', details_key, ttl) end
if done_count > 0 and call('LLEN', done_key) < done_max then
  call('RPUSH', done_key, minute .. ':' .. concat(done))
end
if answers then return concat(answers) end
return 'fresh'
