"""Two runs side by side: which span of the one stands for which of the other, and what differs."""
