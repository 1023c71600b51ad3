"""Where a system lives: beside a kernel or any synchronous program, or in a terminal."""
