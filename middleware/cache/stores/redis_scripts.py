"""The steps that the store in Redis takes in one piece, in Lua."""

# KEYS: resource, clock, groups. ARGV: prefix of bodies, seconds that a dropped body stays.
# What is not a hash of our texts goes: an error here would keep the resource out of the cache.
LOOKUP = """
local now = tonumber(redis.call('GET', KEYS[2]) or '0')
local fields = redis.pcall('HGETALL', KEYS[1])
if fields.err then
  redis.call('DEL', KEYS[1])
  fields = {}
end
local found = {now}
for i = 1, #fields, 2 do
  local head = string.match(fields[i + 1], '^[^\\n]*')
  local words = {}
  for word in string.gmatch(head, '%S+') do words[#words + 1] = word end
  local started = tonumber(words[1])
  local current = started ~= nil and started <= now and #words > 2
  if current then
    for _, stamp in ipairs(redis.call('HMGET', KEYS[3], unpack(words, 3))) do
      if stamp and tonumber(stamp) > started then current = false end
    end
  end
  if current then
    found[#found + 1] = fields[i]
    found[#found + 1] = fields[i + 1]
  else
    redis.call('HDEL', KEYS[1], fields[i])
    redis.call('EXPIRE', ARGV[1] .. (words[2] or ''), ARGV[2])
  end
end
return found
"""

# KEYS: resource, clock, groups, body. ARGV: id, text, seconds to keep, bytes of the body,
# started, seconds that a superseded body stays, number of slots, slots, then pairs of id and
# body that this one supersedes.
PUT = """
local now = tonumber(redis.call('GET', KEYS[2]) or '0')
local started = tonumber(ARGV[5])
local slots = tonumber(ARGV[7])
if started > now or redis.call('STRLEN', KEYS[4]) ~= tonumber(ARGV[4]) then return 0 end
for _, stamp in ipairs(redis.call('HMGET', KEYS[3], unpack(ARGV, 8, 7 + slots))) do
  if stamp and tonumber(stamp) > started then return 0 end
end
for i = 8 + slots, #ARGV, 2 do
  redis.call('HDEL', KEYS[1], ARGV[i])
  if ARGV[i + 1] ~= KEYS[4] then redis.call('EXPIRE', ARGV[i + 1], ARGV[6]) end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
redis.call('EXPIRE', KEYS[4], redis.call('TTL', KEYS[1]))
return 1
"""

# KEYS: clock, groups. ARGV: slots.
DROP = """
local now = redis.call('INCR', KEYS[1])
for _, slot in ipairs(ARGV) do redis.call('HSET', KEYS[2], slot, now) end
return now
"""
