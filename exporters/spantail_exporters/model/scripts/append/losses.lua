-- Redis lost what this writer knows it had stored: emptied, or failed over to a replica that was behind. A new epoch
-- says so to readers; what is known to be missing is counted once, however many writers knew of how much, and also
-- when another writer came first: up to where an epoch's loss has been counted stands in `lost:{epoch}`.

if known_epoch ~= '' then
  if known_epoch ~= epoch and tonumber(known_epoch) < tonumber(epoch) then
    if known_next > counted_as_lost then
      add('drop:redis_lost', known_next - counted_as_lost)
      set_meta('lost:' .. known_epoch, known_next)
    end
  elseif known_epoch ~= epoch or next_seq < known_next or last_of_writer < known_writer_seq then
    -- what another writer has stored since may hide how much is gone, but not that it is
    add('drop:redis_lost', math.max(known_next - next_seq, 1))
    set_meta('lost:' .. known_epoch, math.max(known_next, next_seq))
    -- of what was stored under another epoch nothing is missing: its writers, who meet a later one, need not count
    if known_epoch ~= epoch and next_seq > 0 then set_meta('lost:' .. epoch, next_seq) end
    -- later than any that somebody knows, whatever the clocks of the writers say
    epoch = string.format('%.0f', math.max(tonumber(now), tonumber(known_epoch) + 1, tonumber(epoch) + 1))
  end
end
