"""The places a job system runs in: a trio block, a thread beside a kernel or script, a terminal."""
