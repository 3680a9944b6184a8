"""Working on the queue: a runner, the runners that live, and what becomes of the items of one that died."""
