"""The words: states, events, snapshots, and every decision over them."""
