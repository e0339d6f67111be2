"""What happens to a session in Redis: each step is one script, which nothing interrupts.

A session that polls is a hash with one key. Its fields:

t         polling, upgrading, websocket (it has left Redis) or closed (a last packet waits)
q         the packets that wait, as the payload of the next poll: answers, not broadcasts
memo      what the layer above Engine.IO remembers
cursor    after which event of the log the next poll continues
ping      when the next ping is due; missing while a pong is awaited
born      when it was created
poll, at  the token of the poll that is held, and the channel of the worker that holds it
lock      the POST that is being handled: its worker's token, digest and time
last      the digest of the last POST that was handled
probe, probed, until    the token of the WebSocket that upgrades it, whether it was probed, and
          until when the upgrade may take

It expires with the client's time for a pong, which every pong renews. KEYS[1] is the hash, KEYS[2]
and KEYS[3] are two sorted sets: of all sessions by when they expire, and of those that nobody has
connected to by their age.
"""

from ngw2f.socketio.commands import Script

COMMON = """
local k, time = KEYS[1], redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function get(name) return redis.call('HGET', k, name) or '' end
local function set(...) redis.call('HSET', k, ...) end
local function drop(...) redis.call('HDEL', k, ...) end
local function add(packet)
  if packet == '' then return end
  local q = get('q')
  set('q', q == '' and packet or q .. '\\30' .. packet)
end
local function wake()
  local poll = get('poll')
  if poll ~= '' then redis.call('PUBLISH', get('at'), poll) end
  return poll ~= ''
end
local function forget()
  redis.call('DEL', k)
  redis.call('ZREM', KEYS[2], k)
  redis.call('ZREM', KEYS[3], k)
end
local function transport()
  local t = get('t')
  if t == 'upgrading' and now > tonumber(get('until')) then
    set('t', 'polling')
    drop('probe', 'probed', 'until')
    return 'polling'
  end
  return t
end
local function due()
  local ping = get('ping')
  if ping ~= '' then return tonumber(ping) - now end
  return redis.call('PTTL', k) + 1
end
"""

# ARGV: milliseconds to live; milliseconds until the first ping; how many sessions there may be; how
# many of them unconnected. At the last limit, the oldest unconnected one ends.
CREATE = Script.of(
    COMMON
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[1])
if redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[4]) then
  local oldest = redis.call('ZPOPMIN', KEYS[3])[1]
  redis.call('DEL', oldest)
  redis.call('ZREM', KEYS[2], oldest)
end
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[3]) then return 0 end
set('t', 'polling', 'ping', now + ARGV[2], 'born', now)
redis.call('PEXPIRE', k, ARGV[1])
redis.call('ZADD', KEYS[2], now + ARGV[1], k)
redis.call('ZADD', KEYS[3], now, k)
return 1
"""
)

# ARGV: token of the poll, channel of the worker, 1: wait for an upgrade that is under way.
CLAIM = Script.of(
    COMMON
    + """
local t = transport()
if t == 'closed' then
  local q = get('q')
  forget()
  return {q == '' and 'gone' or 'closed', q}
end
if t == '' or t == 'websocket' then return {'gone'} end
if get('poll') ~= '' then return {'overlap'} end
if t == 'upgrading' and ARGV[3] == '1' then return {'later'} end
set('poll', ARGV[1], 'at', ARGV[2])
return {'held', get('memo'), get('cursor')}
"""
)

# ARGV: token; the cursor that the poll began at, and the one that it reached; 1: it has events for
# the client; 1: end the poll in any case. Returns the other packets, and whether to send the
# events; or in how many milliseconds to ask again, with the memo and the cursor as they are now.
FINISH = Script.of(
    COMMON
    + """
local t = transport()
if t == 'closed' then
  local q = get('q')
  forget()
  return {'closed', q}
end
if t == 'websocket' then return {'upgraded'} end
if t == '' or get('poll') ~= ARGV[1] then return {'gone'} end
if get('probed') ~= '' then
  -- The rest goes over the WebSocket. A client that is closed in the middle of an upgrade would
  -- keep what this poll brings, and yet ask for it again when it recovers.
  drop('poll', 'at')
  return {'ended', '', 0}
end
local moves = ARGV[3] ~= '' and get('cursor') == ARGV[2]
local has_events = moves and ARGV[4] == '1'
local q, wait = get('q'), due()
local pings = get('ping') ~= '' and wait <= 0
if q == '' and not (has_events or pings or ARGV[5] == '1') then
  return {'wait', math.max(wait, 0), get('memo'), get('cursor')}
end
drop('poll', 'at', 'q')
if moves then set('cursor', ARGV[3]) end
if pings then
  drop('ping')
  q = q == '' and '2' or q .. '\\30' .. '2'
end
return {'ended', q, has_events and 1 or 0}
"""
)

# ARGV: the worker's token, the digest of the POST, how many bytes may wait for the client, for
# how long a killed worker keeps the lock.
BEGIN_POST = Script.of(
    COMMON
    + """
local t = transport()
if t ~= 'polling' and t ~= 'upgrading' then return {'gone'} end
if #get('q') > tonumber(ARGV[3]) then return {'behind'} end
local digest, at = string.match(get('lock'), '^[^ ]* ([^ ]*) ([0-9]+)$')
if at and now - at < tonumber(ARGV[4]) then
  return {ARGV[2] ~= '' and digest == ARGV[2] and 'busy' or 'overlap'}
end
if ARGV[2] ~= '' and get('last') == ARGV[2] then return {'repeated'} end
set('lock', ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. now)
return {'held', get('memo'), get('cursor')}
"""
)

# ARGV: the worker's token, the digest of the POST, packets for the client, 1: note the memo (5)
# and the cursor (6), 1: a pong, milliseconds until the next ping, and to live, 1: connected,
# how many milliseconds after its birth a client must be connected (empty: it need not), the cursor
# before the POST: if the POST has not changed it, a poll may have moved it meanwhile.
END_POST = Script.of(
    COMMON
    + """
local lock = ARGV[1] .. ' ' .. ARGV[2] .. ' '
if string.sub(get('lock'), 1, #lock) ~= lock then return 0 end
drop('lock')
if ARGV[2] ~= '' then set('last', ARGV[2]) end
add(ARGV[3])
if ARGV[4] == '1' then
  set('memo', ARGV[5])
  if ARGV[6] ~= ARGV[12] then set('cursor', ARGV[6]) end
  if ARGV[10] == '1' then redis.call('ZREM', KEYS[3], k) end
end
local may_live = ARGV[10] == '1' or ARGV[11] == '' or now < get('born') + ARGV[11]
-- A pong that no ping asked for would keep a client that never reads its answers.
if ARGV[7] == '1' and may_live and get('ping') == '' then
  set('ping', now + ARGV[8])
  redis.call('PEXPIRE', k, ARGV[9])
  redis.call('ZADD', KEYS[2], 'XX', now + ARGV[9], k)
end
if ARGV[3] ~= '' or ARGV[4] == '1' or ARGV[7] == '1' then wake() end
return 1
"""
)

# ARGV: the packet that says so to the client, whether it also waits for a poll that is yet to
# come (1) or only for one that is held, for how many milliseconds.
CLOSE = Script.of(
    COMMON
    + """
local t = transport()
if t == '' or t == 'closed' then return 0 end
local poll, at = get('poll'), get('at')
forget()
if poll ~= '' or ARGV[2] == '1' then
  set('t', 'closed', 'q', ARGV[1])
  redis.call('PEXPIRE', k, ARGV[3])
end
if poll ~= '' then redis.call('PUBLISH', at, poll) end
return 1
"""
)

# ARGV: token of the WebSocket, milliseconds for the probe.
BEGIN_UPGRADE = Script.of(
    COMMON
    + """
local t = transport()
if t == '' or t == 'closed' then return 'gone' end
if t == 'upgrading' then return 'later' end
if t == 'websocket' then return 'busy' end
set('t', 'upgrading', 'probe', ARGV[1], 'until', now + ARGV[2])
return 'held'
"""
)

# ARGV: token, milliseconds for the upgrade. From now on each poll is answered at once.
PROBE = Script.of(
    COMMON
    + """
if transport() ~= 'upgrading' or get('probe') ~= ARGV[1] then return 0 end
set('probed', 1, 'until', now + ARGV[2])
wake()
return 1
"""
)

# ARGV: token, for how long others learn that it has a WebSocket.
UPGRADE = Script.of(
    COMMON
    + """
if transport() ~= 'upgrading' or get('probe') ~= ARGV[1] then return {} end
local left = {get('memo'), get('cursor'), get('q'), get('ping') ~= '' and 1 or 0, due()}
local poll, at = get('poll'), get('at')
forget()
set('t', 'websocket')
redis.call('PEXPIRE', k, ARGV[2])
if poll ~= '' then redis.call('PUBLISH', at, poll) end
return left
"""
)

# ARGV: token.
STAY = Script.of(
    COMMON
    + """
if get('t') == 'upgrading' and get('probe') == ARGV[1] then
  set('t', 'polling')
  drop('probe', 'probed', 'until')
end
return 1
"""
)
